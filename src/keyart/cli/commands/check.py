"""The commands ``check``, ``card`` and ``doctor``: diagnosis of posters, of a catalogue and of this machine."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from keyart.cli.options import AsJson, ImagesFolder, emit_json, output_folder
from keyart.utils.text import echo


class CachePart(StrEnum):
    """A part of the cache."""

    pixels = "pixels"
    features = "features"
    embeddings = "embeddings"
    maps = "maps"
    thumbnails = "thumbnails"
    demo = "demo"
    all = "all"


def check(
    catalogue: Annotated[Path, typer.Option("--catalogue", help="Table of posters (CSV or Parquet).")],
    images: ImagesFolder = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 for remarks too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check a catalogue and every image in it; exit with 1 if there are problems.

    Problems are rows and images that cannot be used, blank images, and duplicate files. Remarks are near-duplicates,
    landscape, tiny and grey images, and assumptions about the format of the table.
    """
    from keyart.images.check import check_catalogue
    from keyart.utils.progress import progress_bar

    with progress_bar("decoding posters") as report:
        found = check_catalogue(catalogue, images, progress=report)
    if as_json:
        emit_json(found.to_dict())
    else:
        from keyart.cli.tables import print_check

        print_check(found)
    if len(found.problems) or (strict and len(found.remarks)):
        raise typer.Exit(1)


def card(
    catalogue: Annotated[Path, typer.Option("--catalogue", help="Table of posters (CSV or Parquet).")],
    out: Annotated[
        Path, typer.Option("--out", callback=output_folder, help="Folder for card.html, card.json and pictures.")
    ],
    images: ImagesFolder = None,
    run: Annotated[
        Path | None, typer.Option("--run", help="A finished run, whose embeddings are measured too.")
    ] = None,
    compare: Annotated[
        str | None,
        typer.Option(
            help="More image sets for comparison, separated by commas, beside digits, photographs and"
            " demo posters: mnist, "
            "fashion_mnist, cifar10, folders of images; none leaves those out."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a dataset card: complexity, cleanliness and label quality of posters, and suggested training settings."""
    from keyart.reports.card.write import write_card
    from keyart.runs.run import Run

    def report(text: str) -> None:
        echo(text, err=True)

    names = [name.strip() for name in (compare or "").split(",") if name.strip()]
    opened = Run.open(run) if run is not None else None
    content = write_card(catalogue, images, out, run=opened, compare=names, report=report)
    if as_json:
        emit_json(content)
    else:
        from keyart.cli.card_summary import print_card

        print_card(content)
        echo(str((out / "card.html").resolve()))


def doctor(
    clear: Annotated[CachePart | None, typer.Option("--clear-cache", help="Empty this part of the cache.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check this machine and this installation, and show a fix for each problem; exit with 1 if keyart cannot work."""
    from keyart.cli import doctor as checks

    if clear is not None:
        parts = list(checks.PARTS) if clear is CachePart.all else [clear.value]
        freed = checks.clear_cache(parts)
        if as_json:
            emit_json({"cleared": freed})
        else:
            for part, size in freed.items():
                echo(f"{part}: {checks.size_text(size)} freed")
        return
    findings = checks.diagnose()
    healthy = checks.healthy(findings)
    if as_json:
        emit_json({"healthy": healthy, "findings": [finding.to_dict() for finding in findings]})
    else:
        checks.print_findings(findings)
    if not healthy:
        raise typer.Exit(1)
