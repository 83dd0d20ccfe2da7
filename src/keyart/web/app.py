"""The application: API, page and static files behind the one security layer."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from keyart import __version__
from keyart.errors import InputError
from keyart.reports.theme import DARK, DISPLAY, LIGHT, display_file
from keyart.utils.files import describe_fault
from keyart.web.api import build_router
from keyart.web.background import Background, Computing
from keyart.web.counts import RequestCounts
from keyart.web.library import Library
from keyart.web.security import Gate
from keyart.web.uploads import MOST_BYTES, TooLarge, Uploads
from keyart.web.worker import Busy, Worker

STATIC = Path(__file__).parent / "static"
VIEWS = ("search", "poster", "wall", "map", "viewer", "compare", "board")
"""Views of the page; each has its own address."""
HEAD_START = 3.0
"""Seconds after the start before titles are read and maps are computed: the first posters come first."""


def create_app(library: Library, token: str, hosts: Collection[str]) -> Gate:
    """Create the ASGI application.

    Args:
        library: The runs to show.
        token: The secret without which nothing is answered.
        hosts: Permitted values of the Host header, such as ``127.0.0.1:8000``.
    """
    worker, uploads = Worker(lambda: load(library)), Uploads()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        preparing = asyncio.create_task(prepare(library))
        yield
        preparing.cancel()
        worker.close()

    app = FastAPI(
        title="keyart",
        version=__version__,
        description='Posters that look and feel alike. Errors are `{"error": "one line that names the fix"}`.',
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    app.include_router(build_router(library, worker, uploads))

    @app.get("/health", tags=["server"], response_class=PlainTextResponse)
    async def health() -> str:
        """Answer while the server runs; needs no token."""
        return "ok"

    @app.get("/metrics", tags=["server"], response_class=PlainTextResponse)
    async def metrics() -> str:
        """Return counts for Prometheus, which sends the token as a bearer's."""
        gauges = {"model_ready": int(worker.state == "ready"), "posters": sum(len(run.index) for run in library.runs)}
        return counts.text(gauges)

    def page() -> Response:
        return FileResponse(STATIC / "index.html")

    for path in ("/", *(f"/{view}" for view in VIEWS)):
        app.get(path, include_in_schema=False)(page)

    @app.get("/api/docs", include_in_schema=False)
    def docs() -> Response:
        return FileResponse(STATIC / "docs.html")

    @app.get("/theme.css", include_in_schema=False)
    def theme() -> Response:
        return Response(stylesheet(), media_type="text/css")

    @app.get("/display.ttf", include_in_schema=False)
    def typeface() -> Response:
        return FileResponse(display_file(), media_type="font/ttf")

    app.mount("/static", StaticFiles(directory=STATIC))
    _answer_errors(app)
    counts = RequestCounts(app)
    return Gate(counts, token, hosts)


async def prepare(library: Library) -> None:
    """Read the titles and compute the maps of all runs, one after another, once the first posters have been shown."""
    await asyncio.sleep(HEAD_START)
    values: list[Background[Any]] = [shown.titles for shown in library.runs]
    for value in [*values, *(shown.places for shown in library.runs)]:
        while not value.ended:
            value.start()
            await asyncio.sleep(0.5)


def load(library: Library) -> None:
    """Load torch and the embedders of all runs."""
    for shown in library.runs:
        shown.run.encoder(precision=shown.run.precision)


def stylesheet() -> str:
    """Return the colours and the typeface of reports as a style sheet's variables."""
    light, dark = (" ".join(f"--{name}: {colour};" for name, colour in one.named().items()) for one in (LIGHT, DARK))
    return (
        f'@font-face {{ font-family: "{DISPLAY}"; font-weight: 200 700; font-display: swap;'
        ' src: url("/display.ttf"); }\n'
        f":root {{ color-scheme: light; {light} }}\n"
        f':root[data-theme="dark"] {{ color-scheme: dark; {dark} }}\n'
        "@media (prefers-color-scheme: dark) {"
        f' :root:not([data-theme="light"]) {{ color-scheme: dark; {dark} }} }}\n'
    )


def query_parameter(name: str) -> str:
    """Return the name of a library's parameter in a request's query."""
    return {"genres": "genre", "years": "year"}.get(name, name)


def _answer_errors(app: FastAPI) -> None:
    """Answer every error in JSON, with one line that says what to do."""

    @app.exception_handler(InputError)
    def invalid(request: Request, error: InputError) -> Response:
        return JSONResponse({"error": error.render(query_parameter)}, 400)

    @app.exception_handler(Computing)
    def computing(request: Request, state: Computing) -> Response:
        return JSONResponse(state.state, 202, {"Retry-After": "1"})

    @app.exception_handler(RequestValidationError)
    def malformed(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        return JSONResponse({"error": f"{first['loc'][-1]}: {first['msg'].lower()}"}, 422)

    @app.exception_handler(HTTPException)
    def refused(request: Request, error: HTTPException) -> Response:
        return JSONResponse({"error": f"{request.url.path}: {error.detail}"}, error.status_code, error.headers)

    @app.exception_handler(Busy)
    def busy(request: Request, error: Busy) -> Response:
        return JSONResponse({"error": "too many images at once; try again in a few seconds"}, 429, {"Retry-After": "3"})

    @app.exception_handler(TooLarge)
    def too_large(request: Request, error: TooLarge) -> Response:
        return JSONResponse({"error": f"image: larger than {MOST_BYTES // 10**6} MB; scale it down"}, 413)

    @app.exception_handler(OSError)
    def system(request: Request, error: OSError) -> Response:
        return JSONResponse({"error": describe_fault(error)}, 500)

    @app.exception_handler(Exception)
    def failed(request: Request, error: Exception) -> Response:
        return JSONResponse({"error": "the server failed; its terminal shows why"}, 500)

    @app.exception_handler(TimeoutError)
    def slow(request: Request, error: TimeoutError) -> Response:
        return JSONResponse({"error": "image: the upload took too long; try again"}, 408, {"Connection": "close"})
