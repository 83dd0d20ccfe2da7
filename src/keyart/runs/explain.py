"""Explaining why two posters are alike: from what was typed to the parts of their similarity and the picture of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from keyart.errors import InputError
from keyart.runs.run import Run
from keyart.runs.search import Listing, decode_image, find_poster, images_folder, open_index, poster_facts

if TYPE_CHECKING:
    from torch import Tensor

    from keyart.retrieval.explanation.pair import Explanation

AVERAGED = 32
"""Posters whose mean is the average poster."""
SAME_POSTER = 0.98
"""Cosine above which an image is taken for the one that was indexed; number formats and devices cost less than this."""


@dataclass(frozen=True, eq=False)
class Shelf:
    """Posters that can be explained, and where their images are.

    Attributes:
        posters: (N rows) what is known of them.
        images: Their folder.
        vectors: (N, E) embeddings as they were indexed; None where they are not known.
    """

    posters: pd.DataFrame
    images: Path
    vectors: Any = None

    def row_of(self, one: str) -> int | None:
        """The row of an id; None where there is no such id."""
        return self._rows.get(one)

    def facts(self, rows: np.ndarray) -> pd.DataFrame:
        """What is known of some posters, in the order asked for."""
        return self.posters.iloc[rows]

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {str(one): row for row, one in enumerate(self.posters["id"])}

    def path(self, row: int) -> Path:
        """The image of a row."""
        return self.images / str(self.posters["img"].iloc[row])


@dataclass(frozen=True, eq=False)
class Explained:
    """An explanation, and whose it is.

    Attributes:
        why: The parts.
        names: What each poster is, for JSON.
        paths: Its image.
        closer_than: The share of random pairs whose cosine is lower, in [0, 1]; None where no vectors are known.
    """

    why: "Explanation"
    names: tuple[dict[str, Any], dict[str, Any]]
    paths: tuple[Path, Path]
    closer_than: float | None


def index_shelf(run: Run, images: Path | None = None) -> Shelf:
    """The posters of the run's own index.

    Raises:
        InputError: There is no whole index, or its images are not there any more.
    """
    index = open_index(run)
    return Shelf(index.posters, images_folder(run, index, images), index.vectors)


def catalogue_shelf(catalogue: Path, images: Path | None = None) -> tuple[Shelf, str]:
    """The posters of a table, and a line that tells which of its rows cannot be used; empty when all can.

    Raises:
        InputError: The table cannot be read.
    """
    from keyart.catalogue.problems import summarise
    from keyart.catalogue.read_catalogue import read_catalogue
    from keyart.retrieval.index import catalogue_table

    table, problems = read_catalogue(catalogue, images)
    return Shelf(catalogue_table(table, table.split), table.root), summarise(problems, table.source)


def typical_shelf(run: Run, shelf: Shelf) -> tuple[Shelf, str]:
    """Whose mean is the average poster: the run's own, or ``shelf``'s where they are gone, and a line that says so."""
    try:
        return index_shelf(run), ""
    except InputError as why:
        return shelf, f"the average poster is that of the catalogue, not of training: {why}"


def explain_run(run: Run, shelf: Shelf, asked: Sequence[str], typical: Shelf | None = None) -> Explained:
    """Which regions of two posters carry their similarity.

    Args:
        run: Whose embedder judges them alike.
        shelf: Where ids and titles are looked up.
        asked: Two ids, titles or image files.
        typical: Whose posters' mean is the average poster; None: those of ``shelf``.

    Raises:
        InputError: A poster is unknown or ambiguous, or an image cannot be used or is not the one that was indexed.
    """
    from keyart.retrieval.explanation.pair import explain_pair
    from keyart.retrieval.random_pairs import RandomPairs, known_share, sampled_rows

    found = [find_poster(shelf, one) for one in asked]
    paths = [one if isinstance(one, Path) else shelf.path(one) for one in found]
    pair = [_image(run, path) for path in paths]
    typical = typical or shelf
    average = [_image(run, typical.path(row)) for row in _average_rows(typical.posters)]
    embedder = run.embedder()
    precision = str(run.config["training"]["precision"])
    _check_same(embedder, shelf, found, paths, pair, precision)
    why = explain_pair(embedder, pair, average, precision=precision)
    first, second = (_name(shelf, one) for one in found)
    share = None
    if typical.vectors is not None:
        pairs = RandomPairs.of(typical.vectors(sampled_rows(len(typical.posters))))
        share = known_share(float(pairs.closer_than(why.similarity)))
    return Explained(why, (first, second), (paths[0], paths[1]), share)


def as_json(explained: Explained) -> dict[str, Any]:
    """Similarity, method and each poster's attributions, so that anyone can add them up.

    ``closer_than`` is the share of random pairs of the run's indexed posters whose cosine is lower; None without them.
    """
    from keyart.retrieval.explanation.pair import CELL

    why = explained.why
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
        "posters": posters,
    }


def _name(shelf: Listing, found: int | Path) -> dict[str, Any]:
    return {"image": str(found)} if isinstance(found, Path) else poster_facts(shelf, np.array([found]))[0]


def _image(run: Run, path: Path) -> "Tensor":
    import torch

    from keyart.models.embedder import to_images

    return to_images(torch.from_numpy(decode_image(run, path).copy())[None], torch.device("cpu"))[0]


def _average_rows(posters: pd.DataFrame) -> list[int]:
    """Evenly spaced posters of training, or of all where no split is known."""
    rows = np.flatnonzero((posters["split"] == "train").to_numpy(dtype=bool, na_value=False))
    rows = rows if len(rows) else np.arange(len(posters))
    return [int(row) for row in rows[np.unique(np.linspace(0, len(rows) - 1, AVERAGED).astype(np.int64))]]


def _check_same(
    embedder: Any,
    shelf: Shelf,
    found: Sequence[int | Path],
    paths: Sequence[Path],
    pair: "list[Tensor]",
    precision: str,
) -> None:
    """Refuse images that are not those that were indexed: the folder may hold others of the same names by now."""
    import torch

    from keyart.models.precision import autocast_for

    for one, path, image in zip(found, paths, pair, strict=True):
        if isinstance(one, Path) or shelf.vectors is None:
            continue
        with torch.inference_mode(), autocast_for("cpu", precision):
            own = embedder(image[None])[0].float().numpy()
        if float(own @ shelf.vectors(np.array([one]))[0]) < SAME_POSTER:
            raise InputError(f"{path}: is not the image that was indexed; name the posters' folder with --images")
