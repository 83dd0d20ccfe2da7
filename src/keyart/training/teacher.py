"""Embeddings of a teacher: the run whose similarities ``loss=distillation`` learns."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from keyart.errors import InputError
from keyart.runs.run import Run
from keyart.runs.search import open_index


def teacher_embeddings(folder: Path, ids: npt.ArrayLike, splits: npt.ArrayLike) -> Tensor:
    """Read a finished run's embeddings of some posters from its index.

    Args:
        folder: The teacher's folder.
        ids: (N,) ids of the posters.
        splits: (N,) their splits here. The teacher must not have been trained on a poster of val or test: what it knows
            of that poster's genres would reach the student, and be measured as if it had been learned from others.

    Returns:
        (N, E) float32 unit vectors.

    Raises:
        InputError: The folder is no finished run, the run lacks a poster, or it was trained on one of val or test.
    """
    ids, splits = np.asarray(ids).astype(str), np.asarray(splits)
    try:
        run = Run.open(folder)
        index, trained_on = open_index(run), run.splits[run.splits == "train"].index
    except InputError as error:
        raise InputError(f"training.teacher={error}") from None
    rows = [index.row_of(one) for one in ids]
    if missing := [one for one, row in zip(ids, rows, strict=True) if row is None]:
        raise InputError(
            f"training.teacher={folder}: has no embedding of {missing[0]} ({len(missing):,} posters are missing); name"
            " a run that was trained on the same data.catalogue"
        )
    held_out = ids[splits != "train"]
    if leaked := len(set(trained_on).intersection(held_out)):
        raise InputError(
            f"training.teacher={folder}: was trained on {leaked:,} of the {len(held_out):,} posters of val and test, so"
            f" that their metrics would say nothing; use its table, image size and data.split, and its"
            f" data.split_seed={run.setting('data', 'split_seed')}"
        )
    return torch.from_numpy(index.vectors(np.array(rows)))
