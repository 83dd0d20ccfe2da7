"""The command ``fetch``: download of the posters that a table names."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from keyart.cli.options import AsJson, emit_json, output_folder
from keyart.utils.text import echo


class From(StrEnum):
    """Source of the posters."""

    url = "url"
    tmdb = "tmdb"
    both = "both"


def fetch(
    catalogue: Annotated[Path, typer.Option("--catalogue", help="Table of posters (CSV or Parquet).")],
    to: Annotated[
        Path, typer.Option("--to", callback=output_folder, help="Folder for the posters; existing ones are kept.")
    ],
    source: Annotated[
        From | None,
        typer.Option(
            "--from",
            help="The table's URLs, TMDB, or both: TMDB where a URL fails. Default: the URLs if there are any.",
        ),
    ] = None,
    url_column: Annotated[str | None, typer.Option(help="Column of URLs. Default: recognised by name.")] = None,
    tmdb_key: Annotated[
        str | None,
        typer.Option(envvar="TMDB_API_KEY", show_default=False, help="Your own TMDB key; never logged or written."),
    ] = None,
    width: Annotated[int, typer.Option(min=1, help="Width of TMDB's posters, in pixels.")] = 500,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Number of parallel downloads.")] = 16,
    rate: Annotated[float, typer.Option(min=0.01, max=1000, help="Requests per second to one host.")] = 20.0,
    timeout: Annotated[float, typer.Option(min=0.1, help="Time limit for one poster, in seconds.")] = 30.0,
    retries: Annotated[int, typer.Option(min=0, help="Retries after a temporary failure.")] = 4,
    max_bytes: Annotated[int, typer.Option(min=1, help="Largest poster, in bytes.")] = 20_000_000,
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="Allow addresses of this machine and of private networks.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Download a table's posters by URL or from TMDB; exit with 1 if some are missing.

    Missing posters are listed with the reason in missing.csv in the folder. Posters from TMDB: this product uses the
    TMDB API but is not endorsed or certified by TMDB.
    """
    from keyart.catalogue.download.addresses import may_connect_anywhere
    from keyart.catalogue.download.failure import RequestLimits
    from keyart.catalogue.download.retry_policy import RetryPolicy
    from keyart.images.fetch_posters import MISSING_LIST, FetchOptions, fetch_posters
    from keyart.utils.progress import progress_bar

    options = FetchOptions(
        source.value if source else None, url_column, tmdb_key, width=width, workers=workers, rate=rate
    )
    with progress_bar("fetching posters") as report:
        done = fetch_posters(
            catalogue,
            to,
            options,
            limits=RequestLimits(seconds=timeout, body=max_bytes),
            retry_policy=RetryPolicy(retries=retries),
            may_connect=may_connect_anywhere if allow_private else None,
            progress=report,
        )
    if as_json:
        emit_json(
            {
                "posters": done.posters,
                "present": done.present,
                "fetched": done.fetched,
                "bytes": done.received,
                "missing": [{"id": p.id, "url": p.url, "reason": p.reason} for p in done.missing],
                "out": str(to),
            }
        )
    else:
        echo(f"{done.present + done.fetched:,} of {done.posters:,} posters in {to}, {done.fetched:,} of them now")
        for reason, count in done.reasons():
            echo(f"missing: {count:,} × {reason}")
        if done.missing:
            echo(f"all of them: {to / MISSING_LIST}")
    if done.missing:
        raise typer.Exit(1)
