"""The HTTP API: what the commands do, with the same JSON."""

import asyncio
import json
import re
from functools import partial
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.routing import APIRoute

from keyart import __version__
from keyart.errors import InputError
from keyart.images.thumbnails import WIDTHS, thumbnail, thumbnail_key
from keyart.retrieval.filters import parse_years
from keyart.runs import search as searching
from keyart.web.frozen import nearest_rows
from keyart.web.library import Library, Shown, with_row
from keyart.web.uploads import Uploads, read_upload, receive
from keyart.web.worker import Worker

MOST_RESULTS = 2000
DISPUTED = 24
"""Number of posters that are named of those on which two runs differ."""
NEAR = 100
"""Number of neighbours among which near-duplicates are looked for."""

RunNumber = Annotated[int, Path(ge=0, description="Number of the run, from 0.", examples=[0])]
Row = Annotated[int, Path(ge=0, description="Row of the poster in the index.", examples=[0])]
Count = Annotated[int, Query(ge=1, le=MOST_RESULTS, description="Number of results.")]
Genres = Annotated[list[str], Query(description="Only posters that have this genre; may be repeated.")]
Years = Annotated[str | None, Query(description="Only posters of these years.", examples=["1990-1999"])]


def build_router(library: Library, worker: Worker, uploads: Uploads) -> APIRouter:
    """Create the routes below ``/api``."""
    router = APIRouter(prefix="/api")

    @router.get("/status", tags=["server"])
    async def status() -> dict[str, Any]:
        """Return the version, the state of the model, and the runs."""
        return {
            "version": __version__,
            "model": worker.status(),
            "runs": [shown.summary() for shown in library.runs],
        }

    @router.post("/model", tags=["server"], status_code=202)
    async def load_model() -> dict[str, Any]:
        """Load torch and the embedders in the background, before the first image query or explanation needs them."""
        worker.start()
        return worker.status()

    @router.get("/runs/{run}/search", tags=["search"])
    async def search(
        run: RunNumber,
        query: Annotated[str | None, Query(description="A poster's id or a film's title.")] = None,
        row: Annotated[int | None, Query(ge=0, description="A poster's row, instead of its id.")] = None,
        image: Annotated[str | None, Query(description="The handle of an uploaded image, instead.")] = None,
        k: Count = 10,
        skip: Annotated[int, Query(ge=0, description="Leave out the first ones: they are known.")] = 0,
        genre: Genres = [],  # noqa: B006
        year: Years = None,
        diverse: Annotated[bool, Query(description="Posters that also differ from one another.")] = False,
        hide_duplicates: Annotated[bool, Query(description="Leave out near-duplicates of better results.")] = False,
    ) -> dict[str, Any]:
        """Find the posters that look and feel most like one: the JSON of `keyart search --json`.

        202 while the titles of a large catalogue are read, in which ``query`` is looked up.
        """
        if sum(one is not None for one in (query, row, image)) != 1:
            raise InputError("search: name one of query, row and image")
        shown = library[run]
        asked = query if image is None else uploads.query(run, image)
        options = {"genres": genre, "years": year, "diverse": diverse, "hide_duplicates": hide_duplicates}
        job = partial(_search, shown, asked, row, k, options)
        # The thumbnails of near-duplicates need torch, and with it the worker's thread.
        found = await (worker.run(job) if hide_duplicates else asyncio.to_thread(job))
        found["neighbours"] = found["neighbours"][skip:]
        return found

    @router.post("/runs/{run}/images", tags=["search"], status_code=201)
    async def upload_image(run: RunNumber, request: Request) -> dict[str, str]:
        """Receive an image to search with (the body: JPEG, PNG or WebP) and return its handle; it is never stored."""
        shown, data = library[run], await receive(request)
        return {"image": uploads.add(await worker.run(read_upload, run, shown.run, data))}

    @router.get("/images/{image}", tags=["search"], response_class=Response)
    async def uploaded(image: str) -> Response:
        """Return a small JPEG of an uploaded image."""
        return Response(uploads[image].picture, media_type="image/jpeg")

    @router.get("/runs/{run}/titles", tags=["search"])
    def titles(run: RunNumber, text: Annotated[str, Query(min_length=1, max_length=200)]) -> list[dict[str, Any]]:
        """Suggest posters by id or title, also misspelt; 202 while the titles of a large catalogue are read."""
        return library[run].suggest(text)

    @router.get("/runs/{run}/facets", tags=["search"])
    def facets(run: RunNumber, genre: Genres = [], year: Years = None) -> dict[str, Any]:  # noqa: B006
        """Count the posters that each genre and decade leaves under the other filters."""
        return library[run].facets(genre, parse_years(year) if year else None)

    @router.get("/runs/{run}/posters", tags=["posters"])
    def posters(
        run: RunNumber, rows: Annotated[str, Query(pattern=r"^\d+(,\d+)*$", max_length=4000, examples=["0,1,2"])]
    ) -> list[dict[str, Any]]:
        """Return the facts of posters by their rows, at most 500."""
        shown = library[run]
        return shown.metadata([shown.check_row(int(row)) for row in rows.split(",")[:500]])

    @router.get("/runs/{run}/posters/{row}", tags=["posters"])
    def poster(run: RunNumber, row: Row) -> dict[str, Any]:
        """Return the facts of a poster, and the other posters of its film."""
        shown = library[run]
        own = shown.metadata([shown.check_row(row)])[0]
        film = shown.index.posters["film"]
        same = np.flatnonzero((film == film.iloc[row]).to_numpy(dtype=bool))
        return own | {"same_film": shown.metadata([int(other) for other in same if other != row])}

    @router.get("/runs/{run}/posters/{row}/image", tags=["posters"], response_class=Response)
    def image(request: Request, run: RunNumber, row: Row, width: int = WIDTHS[0]) -> Response:
        """Return a poster as a JPEG of at most 160 or 480 pixels in width."""
        if width not in WIDTHS:
            raise InputError(f"width {width}: must be one of {', '.join(map(str, WIDTHS))}")
        path = library[run].image(row)
        headers = {"ETag": f'"{thumbnail_key(path, width)}"', "Cache-Control": "private, no-cache"}
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        return Response(thumbnail(path, width), media_type="image/jpeg", headers=headers)

    @router.get("/runs/{run}/posters/{row}/duplicates", tags=["posters"])
    async def duplicates(run: RunNumber, row: Row) -> list[dict[str, Any]]:
        """Return the near-duplicates of a poster among its nearest neighbours."""
        return await worker.run(_near_duplicates, library[run], row)

    @router.get("/runs/{run}/posters/{row}/frozen", tags=["posters"])
    def frozen(run: RunNumber, row: Row, k: Count = 10) -> dict[str, Any]:
        """Return the nearest posters by the frozen backbone; 202 while its features are computed."""
        shown = library[run]
        shown.check_row(row)
        rows, cosines = nearest_rows(shown.frozen.get(), row, k)
        near = shown.metadata(rows)
        return {"neighbours": [{"score": round(float(c), 6), **one} for one, c in zip(near, cosines, strict=True)]}

    @router.get("/runs/{run}/order", tags=["posters"], response_class=Response)
    def order(
        run: RunNumber,
        by: Annotated[str, Query(pattern="^(catalogue|title|year|genre|look)$")] = "catalogue",
        genre: Genres = [],  # noqa: B006
        year: Years = None,
    ) -> Response:
        """Return the rows of all posters in an order: a line of JSON with the places to jump to, then uint32 rows.

        202 while it is computed; ``look`` goes along the map.
        """
        shown = library[run]
        found = shown.order(by)
        if genre or year:
            found = found.of(shown.allowed(genre, parse_years(year) if year else None))
        head = {"posters": len(found.rows), "landmarks": found.landmarks()}
        return _numbers(found.rows.astype("<u4"), head)

    @router.get("/runs/{run}/map", tags=["posters"], response_class=Response)
    def plane(run: RunNumber) -> Response:
        """Return every poster's place on the map: (N, 2) uint16; 202 while it is computed."""
        return _numbers(library[run].places.get().astype("<u2"))

    @router.get("/runs/{run}/colours", tags=["posters"], response_class=Response)
    def colours(run: RunNumber, by: Annotated[str, Query(pattern="^(genre|decade|split)$")] = "genre") -> Response:
        """Return what the map is coloured by: a line of JSON with names and how many have each, then uint8 codes."""
        codes, names = _colours(library[run], by)
        counts = np.bincount(codes, minlength=len(names)).tolist()
        return _numbers(codes, {"names": names, "posters": counts})

    @router.get("/runs/{run}/explain", tags=["explain"])
    async def explain(
        run: RunNumber,
        b: Annotated[int, Query(ge=0, description="Row of the second poster.")],
        a: Annotated[int | None, Query(ge=0, description="Row of the first poster.")] = None,
        image: Annotated[str | None, Query(description="The handle of an uploaded image, instead.")] = None,
    ) -> dict[str, Any]:
        """Attribute the similarity of two posters to regions and kinds of cue: the JSON of `keyart explain --json`."""
        if (a is None) == (image is None):
            raise InputError("explain: name one of a and image")
        shown = library[run]
        first = _query(shown, a) if image is None else uploads.query(run, image)
        return await worker.run(_explain, shown, first, _query(shown, b))

    @router.get("/runs/{run}/recommend", tags=["recommend"])
    def recommend(
        run: RunNumber,
        liked: Annotated[str | None, Query(description="Ids or titles of liked films, separated by commas.")] = None,
        user: Annotated[str | None, Query(description="A user of the history, instead.")] = None,
        k: Count = 20,
    ) -> dict[str, Any]:
        """Recommend films: the JSON of `keyart recommend --json`."""
        if (liked is None) == (user is None):
            raise InputError("recommend: name one of liked and user")
        return _recommend(library[run], liked, user, k)

    @router.get("/runs/{run}/users", tags=["recommend"])
    def users(run: RunNumber, text: str = "") -> dict[str, Any]:
        """Return the first 100 users of the history whose names begin with a text, and the number of all."""
        shown = library[run]
        if shown.history is None:
            return {"users": 0, "names": []}
        names = shown.all_users.users
        return {"users": len(names), "names": [name for name in names if name.startswith(text)][:100]}

    @router.get("/runs/{run}/metrics", tags=["evaluate"])
    def metrics(run: RunNumber) -> dict[str, float | None]:
        """Return the metrics that the run stored when it was trained."""
        return library[run].run.metrics

    @router.get("/compare", tags=["evaluate"])
    def compare(
        run: Annotated[list[int], Query(description="Numbers of the runs, the first being the yardstick.")],
    ) -> Any:
        """Compare runs: the JSON of `keyart compare --json`."""
        from keyart.runs.compare import compare_runs

        return compare_runs([library[number].run for number in run]).to_dict()

    @router.get("/differences", tags=["evaluate"])
    def differences(first: Annotated[int, Query(ge=0)], second: Annotated[int, Query(ge=0)]) -> dict[str, Any]:
        """Return the posters whose ten nearest differ most between two runs."""
        from keyart.retrieval.overlap import neighbour_overlap

        rows, shared = neighbour_overlap(library[first].index, library[second].index)
        order = np.argsort(shared, kind="stable")[:DISPUTED]
        posters = library[first].metadata(rows[order])
        return {
            "queries": len(rows),
            "mean_shared": float(shared.mean()) / 10,
            "posters": [one | {"shared": int(n)} for one, n in zip(posters, shared[order], strict=True)],
        }

    for route in router.routes:
        if isinstance(route, APIRoute):  # the first words of its docstring instead of the function's name
            route.summary = re.split(r"[:;.(]", route.description)[0].strip()
    return router


def _query(shown: Shown, row: int | None) -> searching.Query:
    """Return the query of a row; the search finds its vector."""
    assert row is not None
    return searching.Query(np.empty(0, np.float32), row=shown.check_row(row))


def _search(
    shown: Shown, query: str | searching.Query | None, row: int | None, k: int, options: dict[str, Any]
) -> dict[str, Any]:
    index = shown.index
    if isinstance(query, str):
        row = shown.find_row(query)
    if not isinstance(query, searching.Query):
        query = _query(shown, row)
    answers = searching.search_run(shown.run, index, [query], k, images=shown.images, **options)
    found = searching.as_json(index, *answers[0])
    found["neighbours"] = [with_row(index, one) for one in found["neighbours"]]
    if query.row is not None:
        found["query"] = with_row(index, found["query"], query.row)
    return found


def _near_duplicates(shown: Shown, row: int) -> list[dict[str, Any]]:
    index = shown.index
    query = searching.Query(index.vectors(np.array([shown.check_row(row)]))[0], row=row)
    rows = index.search(query.vector[None], min(NEAR + 1, len(index)))[1][0]
    rows = rows[(rows >= 0) & (rows != row)]
    groups = searching.picture_groups(shown.run, index, query, rows, shown.root)
    return shown.metadata(rows[groups == 0].tolist())


def _explain(shown: Shown, *queries: searching.Query) -> dict[str, Any]:
    from keyart.runs import explain as explaining

    for query in queries:
        if query.row is not None:
            shown.image(query.row)
    table, typical = shown.explained
    return explaining.as_json(explaining.explain_run(shown.run, table, queries, typical))


def _recommend(shown: Shown, liked: str | None, user: str | None, k: int) -> dict[str, Any]:
    from keyart.runs import recommend as recommending

    index, films = shown.index, shown.films
    if liked is not None:
        if not all(one.strip() in films.place for one in liked.split(",")):
            shown.titles.get()
        person = recommending.user_from_liked(index, films, liked)
        record: dict[str, Any] = {"liked": films.names[person.films].tolist()}
    else:
        if user not in shown.all_users.users:
            raise InputError(f"user {user}: the history has no such user with a known film")
        assert user is not None
        assert shown.history is not None
        all_users = recommending.read_users(shown.history, films, user)
        person = all_users.histories[0]
        record = {"user": user, "known_films": len(person.films), **all_users.notes}
    record |= recommending.recommend_one(index, films, person, k)
    if shown.history is not None and user is not None:
        record["rating_scale"] = shown.history.scale and shown.history.scale.best
    record["watched"] = shown.metadata(films.first[person.films[np.argsort(-person.weights, kind="stable")]][:200])
    for one in record["candidates"]:
        one |= {"row": index.row_of(one["id"])}
    for one in [*(each["because"] for each in record["candidates"]), *(each["medoid"] for each in record["interests"])]:
        one |= {"row": index.row_of(one["id"])}
    return record


def _numbers(numbers: npt.NDArray[Any], head: dict[str, Any] | None = None) -> Response:
    """Return numbers as bytes, after a line of JSON."""
    line = b""
    if head is not None:
        line = json.dumps(head, separators=(",", ":")).encode()
        # Readers want the numbers at a multiple of their size.
        line += b" " * (-(len(line) + 1) % 4) + b"\n"
    headers = {"Cache-Control": "private, no-cache"}
    return Response(line + numbers.tobytes(), media_type="application/octet-stream", headers=headers)


def _colours(shown: Shown, by: str) -> tuple[npt.NDArray[np.uint8], list[str]]:
    """Return (N,) codes of the posters' rarest genre, decade or split, and the names of the codes."""
    if by == "genre":
        codes, names = shown.first_genre, [*shown.genres[0], "none"]
    elif by == "decade":
        decades, codes = np.unique(np.nan_to_num(shown.years, nan=-1) // 10 * 10, return_inverse=True)
        names = [f"{one:.0f}s" if one >= 0 else "unknown" for one in decades.tolist()]
    else:
        splits = shown.index.posters["split"].astype(object).map(lambda split: split if isinstance(split, str) else "")
        codes, found = splits.factorize(sort=True)
        names = [one or "none" for one in found]
    if len(names) > 256:
        names = [*names[:255], "others"]
    return np.minimum(codes, 255).astype(np.uint8), names
