"""``search``: posters like one."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from keyart.commands.options import AsJson, IndexCollection, IndexFolder, IndexUri, RunFolder, emit_json, output_file


def search(
    run: RunFolder,
    query: Annotated[str, typer.Argument(metavar="QUERY", help="A poster's id, a film's title, or an image file.")],
    k: Annotated[int, typer.Option("-k", help="How many posters.")] = 10,
    index: IndexFolder = None,
    uri: IndexUri = None,
    collection: IndexCollection = None,
    genre: Annotated[list[str] | None, typer.Option(help="Only posters of this genre; may be repeated.")] = None,
    year: Annotated[str | None, typer.Option(help="Only posters of these years: 1994 or 1990-1999.")] = None,
    diverse: Annotated[bool, typer.Option("--diverse", help="Posters that also differ from one another.")] = False,
    hide_duplicates: Annotated[bool, typer.Option("--hide-duplicates", help="Show no picture twice.")] = False,
    png: Annotated[
        Path | None, typer.Option(callback=output_file(".png"), help="Write a contact sheet to this file.")
    ] = None,
    images: Annotated[Path | None, typer.Option("--images", help="The posters, if they have moved.")] = None,
    as_json: AsJson = False,
) -> None:
    """Find the posters that look and feel most like one."""
    from keyart import searching
    from keyart.run import Run

    opened = Run.open(run)
    with closing(searching.open_index(opened, index, uri, collection)) as table:
        asked, hits = searching.search_run(
            opened,
            table,
            query,
            k,
            genres=genre or (),
            years=year,
            diverse=diverse,
            hide_duplicates=hide_duplicates,
            images=images,
        )
        if png is not None:
            from keyart.contact_sheet import write_contact_sheet

            write_contact_sheet(table, asked, hits, searching.images_folder(opened, table, images), png)
        told = searching.as_json(table, asked, hits)
    if as_json:
        emit_json(told)
    else:
        from keyart.answers import print_neighbours

        print_neighbours(told)
