"""``check`` and ``doctor``: what is wrong with posters, and with this machine."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from onesheet.commands.options import AsJson, ImagesFolder, emit_json


class CachePart(StrEnum):
    """A part of what is kept on disk to save time."""

    pixels = "pixels"
    features = "features"
    demo = "demo"
    all = "all"


def check(
    catalogue: Annotated[Path, typer.Option("--catalogue", help="Table of posters (CSV or Parquet).")],
    images: ImagesFolder = None,
    as_json: AsJson = False,
) -> None:
    """Check a catalogue and every image in it; exit code 1 when a poster cannot be used."""
    from onesheet.catalogue import problems_table, read_catalogue
    from onesheet.images import load_posters

    table, problems = read_catalogue(catalogue, images)
    posters = load_posters(table, problems, on_bad_poster="skip")
    faults = problems_table(posters.skipped)
    counts = {name: int(n) for name, n in zip(table.genre_names, posters.catalogue.genres.sum(0), strict=True)}
    duplicates = int(len(posters.groups) - len(set(posters.groups.tolist())))
    if as_json:
        report = {"posters": len(posters.catalogue), "genres": counts, "near_duplicates": duplicates}
        emit_json({**report, "problems": faults.to_dict(orient="records")})
    else:
        from onesheet.tables import print_check

        print_check(len(posters.catalogue), counts, duplicates, faults)
    if len(faults):
        raise typer.Exit(1)


def doctor(
    clear: Annotated[CachePart | None, typer.Option("--clear-cache", help="Empty this part of the cache.")] = None,
    as_json: AsJson = False,
) -> None:
    """Examine this machine and this installation, and say how to mend what is not in order; 1 when it will not work."""
    from onesheet import doctor as examination

    if clear is not None:
        parts = list(examination.PARTS) if clear is CachePart.all else [clear.value]
        freed = examination.clear_cache(parts)
        if as_json:
            emit_json({"cleared": freed})
        else:
            for part, size in freed.items():
                typer.echo(f"{part}: {examination.size_text(size)} freed")
        return
    findings = examination.diagnose()
    healthy = examination.healthy(findings)
    if as_json:
        emit_json({"healthy": healthy, "findings": [finding.to_dict() for finding in findings]})
    else:
        examination.print_findings(findings)
    if not healthy:
        raise typer.Exit(1)
