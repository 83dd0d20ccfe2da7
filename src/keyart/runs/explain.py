"""Explanation of why two posters are similar: resolves the queries, computes the attributions, formats the result."""

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from keyart.errors import InputError
from keyart.retrieval.searchable import take_records
from keyart.runs.run import Run
from keyart.runs.search import Query, decode_image, images_folder, open_index, query_metadata, read_query

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from keyart.images.any_image import AnyImage
    from keyart.retrieval.explanation.cues import CueAttributions, CueExplainer
    from keyart.retrieval.explanation.pair import Explanation
    from keyart.runs.search import AnyQuery

AVERAGED = 32
"""Number of posters whose mean is the average poster."""
REFERENCES = 4
"""Number of these from which removed cues are taken."""
SAME_POSTER = 0.98
"""Lowest cosine at which an image counts as the indexed one; number formats and devices change it by less."""


@dataclass(frozen=True, eq=False)
class PosterTable:
    """Table of posters that can be explained, with their images and vectors.

    Attributes:
        posters: (N rows) metadata of the posters.
        images: Folder of the images.
        vectors: Function that returns the indexed vectors of some rows; None if they are unknown.
    """

    posters: "pd.DataFrame"
    images: Path
    vectors: Any = None

    def row_of(self, one: str) -> int | None:
        """Return the row of an id; None if there is no such id."""
        return self._rows.get(one)

    def metadata(self, rows: np.ndarray) -> list[dict[str, Any]]:
        """Return the metadata of some rows, in the order of ``rows``; None where a value is unknown."""
        return take_records(self.table, rows)

    @cached_property
    def table(self) -> pa.Table:
        """(N rows) the posters as an Arrow table."""
        return pa.Table.from_pandas(self.posters, preserve_index=False)

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {str(one): row for row, one in enumerate(self.posters["id"])}

    def path(self, row: int) -> Path:
        """Return the path of a row's image."""
        return self.images / str(self.posters["img"].iloc[row])


@dataclass(frozen=True, eq=False)
class Explained:
    """Explanation with the posters that it is about.

    Attributes:
        why: The attributions to regions.
        cues: The attributions to kinds of cue; None if fewer than two other posters are known.
        names: Metadata of each poster, for JSON.
        pictures: Image of each poster: its path, or its pixels.
        closer_than: Share of random pairs with a lower cosine, in [0, 1]; None if no vectors are known.
    """

    why: "Explanation"
    cues: "CueAttributions | None"
    names: tuple[dict[str, Any], dict[str, Any]]
    pictures: "tuple[AnyImage, AnyImage]"
    closer_than: float | None


def index_poster_table(run: Run, images: Path | None = None) -> PosterTable:
    """Return the posters of the run's own index.

    Raises:
        InputError: The index is missing or incomplete, or its images are missing.
    """
    index = open_index(run)
    return PosterTable(index.posters, images_folder(run, index, images), index.vectors)


def catalogue_poster_table(catalogue: Path, images: Path | None = None) -> tuple[PosterTable, str]:
    """Return the posters of a table, and a line about its invalid rows; the line is empty if there are none.

    Raises:
        InputError: The table cannot be read.
    """
    from keyart.catalogue.problems import summarise
    from keyart.catalogue.reader import read_catalogue
    from keyart.retrieval.index import catalogue_table

    table, problems = read_catalogue(catalogue, images, require_genres=False)
    return PosterTable(catalogue_table(table, table.split), table.root), summarise(problems, table.source)


def typical_poster_table(run: Run, table: PosterTable) -> tuple[PosterTable, str]:
    """Return the posters whose mean is the average poster, and a line that reports a fall-back.

    These are the run's own posters, or those of ``table`` if the run's own are missing.
    """
    try:
        return index_poster_table(run), ""
    except InputError as why:
        return table, f"the average poster is that of the catalogue, not of training: {why}"


def explain_run(
    run: Run, table: PosterTable, asked: "Sequence[AnyQuery]", typical: PosterTable | None = None
) -> Explained:
    """Explain which regions of two posters contribute to their similarity, and which kinds of cue.

    Args:
        run: The run whose embedder is explained.
        table: Posters in which ids and titles are looked up.
        asked: Two ids, titles, image files or images in memory.
        typical: Posters whose mean is the average poster; None: those of ``table``.

    Raises:
        InputError: A poster is unknown or ambiguous, or an image is invalid or is not the one that was indexed.
    """
    from keyart.retrieval.explanation.pair import explain_pair
    from keyart.retrieval.random_pairs import RandomPairs, known_share, sampled_rows

    decode = partial(decode_image, run)
    queries = [read_query(run, table, one, number, decode) for number, one in enumerate(asked)]
    pictures = [_picture(table, query) for query in queries]
    pair = [
        _to_tensor(decode(picture) if query.pixels is None else query.pixels)
        for query, picture in zip(queries, pictures, strict=True)
    ]
    typical = typical or table
    known = _known.get(typical)
    if known is None or known.run is not run:
        known = _known[typical] = _Known(run, typical)
    _check_same(known.embedder, table, queries, pair, run.precision)
    why = explain_pair(known.embedder, pair, known.average, precision=run.precision)
    cues = known.explain_cues(pair)
    names = [query_metadata(table, query) for query in queries]
    share = None
    if typical.vectors is not None:
        pairs = RandomPairs.of(typical.vectors(sampled_rows(len(typical.posters))))
        share = known_share(float(pairs.closer_than(why.similarity)))
    return Explained(why, cues, (names[0], names[1]), (pictures[0], pictures[1]), share)


class _Known:
    """What the explanations of several pairs share.

    Args:
        run: The run whose embedder is explained.
        typical: Posters whose mean is the average poster.
    """

    def __init__(self, run: Run, typical: PosterTable) -> None:
        from keyart.retrieval.explanation.pair import AveragePoster

        self.run, self.embedder = run, run.encoder("cpu", run.precision).embedder
        rows = _average_rows(typical.posters)
        self.average = AveragePoster([_to_tensor(decode_image(run, typical.path(row))) for row in rows])
        self._explainers: dict[tuple[int, ...], CueExplainer] = {}

    def explain_cues(self, pair: "Sequence[Tensor]") -> "CueAttributions | None":
        """Attribute a similarity to kinds of cue; None if fewer than two other posters are known."""
        from keyart.retrieval.explanation.cues import CueExplainer

        images = self.average.images
        others = [at for at, one in enumerate(images) if not any(one.equal(own) for own in pair)]
        chosen = tuple(others[:: -(-len(others) // REFERENCES) or 1])
        if len(chosen) < 2:
            return None
        if chosen not in self._explainers:
            references = [images[at] for at in chosen]
            self._explainers[chosen] = CueExplainer(self.embedder, references, precision=self.run.precision)
        return self._explainers[chosen].explain(pair)


_known: "weakref.WeakKeyDictionary[PosterTable, _Known]" = weakref.WeakKeyDictionary()


def as_json(explained: Explained) -> dict[str, Any]:
    """Convert an explanation to a dict for JSON: similarity, method, cues and each poster's attributions.

    ``closer_than`` is the share of random pairs of the run's indexed posters with a lower cosine; None without vectors.
    """
    from keyart.retrieval.explanation.pair import CELL

    why, cues = explained.why, explained.cues
    posters = [
        {
            **name,
            "baseline": share.baseline,
            "sum_of_attributions": float(share.attributions.sum()),
            "non_spatial": share.non_spatial,
            "approximation_error": share.approximation_error,
            "attributions": share.attributions.tolist(),
        }
        for name, share in zip(explained.names, why.shares, strict=True)
    ]
    return {
        "similarity": why.similarity,
        "closer_than": explained.closer_than,
        "method": why.method,
        "points": why.points,
        "baseline_is": why.baseline_is,
        "cell": CELL,
        "adds_up_to": "similarity = baseline + sum_of_attributions + non_spatial + approximation_error",
        "cues": cues
        and {
            "baseline": cues.baseline,
            "baseline_is": "the mean similarity of two other posters, from which removed cues are taken",
            "parts": cues.parts,
            "adds_up_to": "similarity = baseline + the sum of parts",
        },
        "posters": posters,
    }


def _picture(table: PosterTable, query: Query) -> "AnyImage":
    """Return the path of a query's image; its pixels if it has none."""
    if query.row is not None:
        return table.path(query.row)
    assert query.pixels is not None
    return query.pixels if query.path is None else query.path


def _to_tensor(pixels: np.ndarray) -> "Tensor":
    import torch

    from keyart.models.embedder import to_images

    return to_images(torch.from_numpy(pixels.copy())[None], torch.device("cpu"))[0]


def _average_rows(posters: "pd.DataFrame") -> list[int]:
    """Return evenly spaced posters of the train split, or of all if no split is known."""
    rows = np.flatnonzero((posters["split"] == "train").to_numpy(dtype=bool, na_value=False))
    rows = rows if len(rows) else np.arange(len(posters))
    return [int(row) for row in rows[np.unique(np.linspace(0, len(rows) - 1, AVERAGED).astype(np.int64))]]


def _check_same(
    embedder: Any, table: PosterTable, queries: Sequence[Query], pair: "list[Tensor]", precision: str
) -> None:
    """Check that images are those that were indexed: the folder may now hold other images with the same names."""
    import torch

    from keyart.models.precision import autocast_for

    for query, image in zip(queries, pair, strict=True):
        if query.row is None or table.vectors is None:
            continue
        with torch.inference_mode(), autocast_for("cpu", precision):
            own = embedder(image[None])[0].float().numpy()
        if float(own @ table.vectors(np.array([query.row]))[0]) < SAME_POSTER:
            raise InputError(
                f"{table.path(query.row)}: differs from the indexed image; name the posters' folder with ``images``"
            )
