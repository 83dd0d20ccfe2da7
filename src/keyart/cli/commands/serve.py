"""The command ``serve``: a page and an HTTP API over finished runs."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from keyart.cli.options import CatalogueFile, IndexCollection, IndexFolder, IndexUri, RatingScaleOption
from keyart.errors import InputError
from keyart.utils.progress import progress_bar
from keyart.utils.text import echo


def serve(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN…", help="Folders of finished runs; the first is shown.")],
    index: IndexFolder = None,
    uri: IndexUri = None,
    collection: IndexCollection = None,
    catalogue: CatalogueFile = None,
    history: Annotated[
        Path | None, typer.Option("--history", help="Who watched what (CSV or Parquet), for the view of one user.")
    ] = None,
    rating_scale: RatingScaleOption = None,
    images: Annotated[
        Path | None, typer.Option("--images", help="The posters, if they have moved; or the catalogue's.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 accepts other machines.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0: any free one.")] = 0,
    name: Annotated[
        list[str] | None, typer.Option(help="Public host name (with its port) of a proxy; may be repeated.")
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
) -> None:
    """Open a local page that shows runs: search, neighbours, explanations, walls, maps, users and comparisons.

    The address that is printed holds a token that is new at each start; without it nothing is answered. KEYART_TOKEN
    fixes the token. The same server answers the HTTP API: /api/docs.
    """
    try:
        import fastapi  # noqa: F401
        import uvicorn  # noqa: F401
    except ModuleNotFoundError as error:
        raise InputError(f"keyart serve needs {error.name}: pip install 'keyart[serve]'") from None
    from keyart.runs.run import Run
    from keyart.runs.search import open_index
    from keyart.web.library import Library, Shown
    from keyart.web.server import serve as listen

    opened = [Run.open(run) for run in runs]
    if catalogue is not None and (index is not None or uri is not None):
        raise InputError(f"--catalogue {catalogue}: shows posters without an index; leave --index and --uri out")
    if len(opened) > 1 and (index is not None or uri is not None):
        raise InputError(f"{'--index' if index else '--uri'}: is one run's index; name one run, or leave it out")
    events = None
    if history is not None:
        from keyart.catalogue.history import read_history

        events = read_history(history, scale=rating_scale)
    elif rating_scale is not None:
        raise InputError(f"--rating-scale {rating_scale:g} needs --history: name the table that holds the ratings")
    shown = []
    for run in opened:
        if catalogue is None:
            posters = open_index(run, index, uri, collection)
        else:
            from keyart.runs.embed import catalogue_index

            with progress_bar("embedding posters") as progress:
                posters = catalogue_index(run, catalogue, images, report=partial(echo, err=True), progress=progress)
        own = catalogue is None and index is None and uri is None
        shown.append(Shown(run, posters, images, events, own=own))
    for one in shown:
        _ = one.root  # a missing folder of images is an error now, not at the first poster
    listen(Library(shown), host=host, port=port, names=name or (), browser=browser, report=echo)
