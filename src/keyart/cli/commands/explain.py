"""The command ``explain``: the regions that contribute to the similarity of two posters."""

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
    """Show which regions of two posters contribute to their similarity."""
    from keyart.errors import InputError
    from keyart.reports.contact_sheet import save_png
    from keyart.runs import explain as explaining
    from keyart.runs.run import Run

    if out is None and not as_json:
        raise InputError("--out: name a PNG file for the heat maps, or ask for --json")
    opened = Run.open(run)
    if catalogue is not None:
        shelf, left_out = explaining.catalogue_shelf(catalogue, images)
        typical, instead = explaining.typical_shelf(opened, shelf)
        for note in filter(None, (left_out, instead)):
            echo(note, err=True)
    else:
        shelf = typical = explaining.index_shelf(opened, images)
    explained = explaining.explain_run(opened, shelf, (first, second), typical)
    if out is not None:
        from keyart.reports.explanation_picture import draw_explanation

        save_png("--out", out, draw_explanation(opened, explained))
    if as_json:
        emit_json(explaining.as_json(explained))
    else:
        from keyart.cli.results import print_explanation

        print_explanation(explaining.as_json(explained), out)
