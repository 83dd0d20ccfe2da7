"""Explanation of why two posters are similar: resolves the queries, computes the attributions, formats the result."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from keyart.errors import InputError
from keyart.runs.run import Run
from keyart.runs.search import PosterLookup, decode_image, find_poster, images_folder, open_index, poster_metadata

if TYPE_CHECKING:
    from torch import Tensor

    from keyart.retrieval.explanation.cues import CueAttributions
    from keyart.retrieval.explanation.pair import Explanation

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

    posters: pd.DataFrame
    images: Path
    vectors: Any = None

    def row_of(self, one: str) -> int | None:
        """Return the row of an id; None if there is no such id."""
        return self._rows.get(one)

    def metadata(self, rows: np.ndarray) -> pd.DataFrame:
        """Return the metadata of some rows, in the order of ``rows``."""
        return self.posters.iloc[rows]

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
        paths: Image of each poster.
        closer_than: Share of random pairs with a lower cosine, in [0, 1]; None if no vectors are known.
    """

    why: "Explanation"
    cues: "CueAttributions | None"
    names: tuple[dict[str, Any], dict[str, Any]]
    paths: tuple[Path, Path]
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

    table, problems = read_catalogue(catalogue, images)
    return PosterTable(catalogue_table(table, table.split), table.root), summarise(problems, table.source)


def typical_poster_table(run: Run, shelf: PosterTable) -> tuple[PosterTable, str]:
    """Return the posters whose mean is the average poster, and a line that reports a fall-back.

    These are the run's own posters, or those of ``shelf`` if the run's own are missing.
    """
    try:
        return index_poster_table(run), ""
    except InputError as why:
        return shelf, f"the average poster is that of the catalogue, not of training: {why}"


def explain_run(run: Run, shelf: PosterTable, asked: Sequence[str], typical: PosterTable | None = None) -> Explained:
    """Explain which regions of two posters contribute to their similarity, and which kinds of cue.

    Args:
        run: The run whose embedder is explained.
        shelf: Posters in which ids and titles are looked up.
        asked: Two ids, titles or image files.
        typical: Posters whose mean is the average poster; None: those of ``shelf``.

    Raises:
        InputError: A poster is unknown or ambiguous, or an image is invalid or is not the one that was indexed.
    """
    from keyart.retrieval.explanation.cues import explain_cues
    from keyart.retrieval.explanation.pair import explain_pair
    from keyart.retrieval.random_pairs import RandomPairs, known_share, sampled_rows

    found = [find_poster(shelf, one) for one in asked]
    paths = [one if isinstance(one, Path) else shelf.path(one) for one in found]
    pair = [_image(run, path) for path in paths]
    typical = typical or shelf
    average = [_image(run, typical.path(row)) for row in _average_rows(typical.posters)]
    embedder = run.embedder
    precision = run.precision
    _check_same(embedder, shelf, found, paths, pair, precision)
    why = explain_pair(embedder, pair, average, precision=precision)
    others = [one for one in average if not any(one.equal(own) for own in pair)]
    references = others[:: -(-len(others) // REFERENCES) or 1]
    cues = explain_cues(embedder, pair, references, precision=precision) if len(references) > 1 else None
    first, second = (_name(shelf, one) for one in found)
    share = None
    if typical.vectors is not None:
        pairs = RandomPairs.of(typical.vectors(sampled_rows(len(typical.posters))))
        share = known_share(float(pairs.closer_than(why.similarity)))
    return Explained(why, cues, (first, second), (paths[0], paths[1]), share)


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


def _name(shelf: PosterLookup, found: int | Path) -> dict[str, Any]:
    return {"image": str(found)} if isinstance(found, Path) else poster_metadata(shelf, np.array([found]))[0]


def _image(run: Run, path: Path) -> "Tensor":
    import torch

    from keyart.models.embedder import to_images

    return to_images(torch.from_numpy(decode_image(run, path).copy())[None], torch.device("cpu"))[0]


def _average_rows(posters: pd.DataFrame) -> list[int]:
    """Return evenly spaced posters of the train split, or of all if no split is known."""
    rows = np.flatnonzero((posters["split"] == "train").to_numpy(dtype=bool, na_value=False))
    rows = rows if len(rows) else np.arange(len(posters))
    return [int(row) for row in rows[np.unique(np.linspace(0, len(rows) - 1, AVERAGED).astype(np.int64))]]


def _check_same(
    embedder: Any,
    shelf: PosterTable,
    found: Sequence[int | Path],
    paths: Sequence[Path],
    pair: "list[Tensor]",
    precision: str,
) -> None:
    """Check that images are those that were indexed: the folder may now hold other images with the same names."""
    import torch

    from keyart.models.precision import autocast_for

    for one, path, image in zip(found, paths, pair, strict=True):
        if isinstance(one, Path) or shelf.vectors is None:
            continue
        with torch.inference_mode(), autocast_for("cpu", precision):
            own = embedder(image[None])[0].float().numpy()
        if float(own @ shelf.vectors(np.array([one]))[0]) < SAME_POSTER:
            raise InputError(f"{path}: is not the image that was indexed; name the posters' folder with ``images``")
