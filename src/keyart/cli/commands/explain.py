"""The command ``explain``: the regions and the kinds of cue that contribute to the similarity of two posters."""

from pathlib import Path
from typing import Annotated

import typer

from keyart.cli.options import AsJson, CatalogueFile, ImagesFolder, RunFolder, emit_json, output_file
from keyart.utils.text import echo


def explain(
    run: RunFolder,
    first: Annotated[str, typer.Argument(metavar="A", help="A poster's id, a film's title, or an image file.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
    out: Annotated[
        Path | None,
        typer.Option(callback=output_file(".png"), help="Write both posters with their heat maps to this PNG file."),
    ] = None,
    catalogue: CatalogueFile = None,
    images: ImagesFolder = None,
    as_json: AsJson = False,
) -> None:
    """Show which regions of two posters, and which kinds of cue, contribute to their similarity."""
    from keyart.api.run import load
    from keyart.errors import InputError

    if out is None and not as_json:
        raise InputError("--out: name a PNG file for the heat maps, or ask for --json")
    found = load(run).explain(
        first, second, catalogue=catalogue, images=images, report=lambda text: echo(text, err=True)
    )
    if out is not None:
        from keyart.reports.contact_sheet import save_png

        save_png("out", out, found.picture())
    if as_json:
        emit_json(found.to_dict())
    else:
        from keyart.cli.results import print_explanation

        print_explanation(found.to_dict(), out)
