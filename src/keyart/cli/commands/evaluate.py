"""The commands ``evaluate`` and ``compare``: metrics of runs."""

from pathlib import Path
from typing import Annotated

import typer

from keyart.cli.options import (
    AsJson,
    BadPoster,
    CatalogueFile,
    ImagesFolder,
    LikedFrom,
    OnBadPoster,
    RatingScaleOption,
    RelevanceKind,
    RunFolder,
    emit_json,
)
from keyart.errors import InputError
from keyart.utils.text import echo


def evaluate(
    run: RunFolder,
    catalogue: CatalogueFile = None,
    images: ImagesFolder = None,
    relevance: Annotated[
        RelevanceKind | None, typer.Option(help="Relevance of the metrics. Default: the run's own.")
    ] = None,
    on_bad_poster: BadPoster = OnBadPoster.error,
    pairs: Annotated[
        Path | None, typer.Option(help="Table of other artwork (img,other_img): each other_img searches for its img.")
    ] = None,
    other_images: Annotated[Path | None, typer.Option(help="Folder of other_img. Default: the table's folder.")] = None,
    history: Annotated[Path | None, typer.Option(help="Table of who rated what (userId,imdb_id,rating).")] = None,
    rating_scale: RatingScaleOption = None,
    liked_from: LikedFrom = None,
    baselines: Annotated[bool, typer.Option("--baselines", help="Evaluate random vectors, colours … too.")] = False,
    sizes: Annotated[
        str | None, typer.Option(help="Evaluate the first 64,128,… numbers of each embedding too.", metavar="N,N")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Evaluate a run with chance and its frozen backbone as references: on its test split, or on new posters."""
    from keyart.api.run import load

    if images is not None and catalogue is None:
        raise InputError(f"--images {images} needs --catalogue: name the table that lists those images")
    if other_images is not None and pairs is None:
        raise InputError(f"--other-images {other_images} needs --pairs: name the table that lists those images")
    try:
        embedding_sizes = [int(size) for size in (sizes or "").split(",") if size.strip()]
    except ValueError:
        raise InputError(f"--sizes {sizes}: takes whole numbers separated by commas, such as 64,128,256") from None
    metrics = (
        load(run)
        .evaluate(
            catalogue,
            images,
            relevance=relevance.value if relevance else None,
            on_bad_poster=on_bad_poster.value,
            pairs=pairs,
            other_images=other_images,
            history=history,
            baselines=baselines,
            sizes=embedding_sizes,
            rating_scale=rating_scale,
            liked_from=liked_from,
            report=lambda text: echo(text, err=True),
        )
        .to_dict()
    )
    if as_json:
        emit_json(metrics)
    else:
        from keyart.cli.tables import print_metrics

        print_metrics(metrics)
        if not any("/branch/" in key for key in metrics):
            echo("The embedding has one branch, so there are no branches to compare.")


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN RUN…|SWEEP", help="Finished runs, each compared with the first; or one sweep."),
    ],
    as_json: AsJson = False,
) -> None:
    """Compare runs: metrics, lift, and significant differences from the first run; or report on a sweep.

    For the folder of a sweep, finished or still running, the command writes ``sweep.csv``, ``sweep.html`` and
    ``sweep.png`` again.
    """
    from keyart.runs.sweep.state import is_sweep

    if len(runs) == 1 and is_sweep(runs[0]):
        compare_sweep(runs[0], as_json)
        return
    from keyart.api.run import compare as compare_runs

    found = compare_runs(*runs)
    if as_json:
        emit_json(found.to_dict())
    else:
        from keyart.cli.comparison_table import print_comparison

        print_comparison(found)


def compare_sweep(folder: Path, as_json: bool) -> None:
    """Write and print the report of a sweep."""
    from keyart.launch.sweep.finish import report_sweep
    from keyart.runs.sweep.table import print_sweep

    summary = report_sweep(folder)
    if as_json:
        emit_json(summary.to_dict())
    else:
        print_sweep(summary)
        echo(f"page: {summary.sweep.folder / 'sweep.html'}")
