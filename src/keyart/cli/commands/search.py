"""The command ``search``: similar posters."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from keyart.cli.options import AsJson, IndexCollection, IndexFolder, IndexUri, RunFolder, emit_json, output_file


def search(
    run: RunFolder,
    query: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="QUERY…", help="A poster's id, a film's title, or an image file; or several.", show_default=False
        ),
    ] = None,
    queries: Annotated[
        str | None,
        typer.Option(
            "--queries", help="More queries: a text file or - (one per line), or a table with a column query."
        ),
    ] = None,
    k: Annotated[int, typer.Option("-k", help="Number of posters.")] = 10,
    index: IndexFolder = None,
    uri: IndexUri = None,
    collection: IndexCollection = None,
    genre: Annotated[list[str] | None, typer.Option(help="Only posters of this genre; may be repeated.")] = None,
    year: Annotated[str | None, typer.Option(help="Only posters of these years: 1994 or 1990-1999.")] = None,
    diverse: Annotated[
        bool, typer.Option("--diverse", help="Choose posters that also differ from one another.")
    ] = False,
    hide_duplicates: Annotated[bool, typer.Option("--hide-duplicates", help="Leave out near-duplicates.")] = False,
    png: Annotated[
        Path | None, typer.Option(callback=output_file(".png"), help="Write a contact sheet to this file.")
    ] = None,
    images: Annotated[Path | None, typer.Option("--images", help="The posters, if they have moved.")] = None,
    as_json: AsJson = False,
) -> None:
    """Find the posters that look and feel most like one, or like each of several.

    All queries are read before the first search; an invalid query ends the command.
    """
    from keyart.api.run import load
    from keyart.errors import InputError
    from keyart.runs import search as searching

    requested = [*(query or []), *(searching.read_query_list(queries) if queries is not None else [])]
    several = len(requested) > 1 or queries is not None
    if not requested:
        raise InputError("search: name a poster's id, a film's title or an image file, or give --queries")
    if png is not None and several:
        raise InputError(f"--png {png}: shows the results of one query; give only one")
    opened = load(run)
    with closing(searching.open_index(opened, index, uri, collection)) as table:
        answers = opened.search(
            requested,
            k,
            genres=genre or (),
            years=year,
            diverse=diverse,
            hide_duplicates=hide_duplicates,
            images=images,
            index=table,
        )
        if png is not None:
            from keyart.reports.contact_sheet import save_png

            save_png("--png", png, answers[0].picture())
        results = [one.to_dict() for one in answers]
    if as_json:
        emit_json({"results": results} if several else results[0])
    else:
        from keyart.cli.results import print_neighbours

        for one in results:
            print_neighbours(one)
