"""Checks of the inputs of retrieval metrics."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from keyart.errors import InputError


def as_multi_hot(
    labels: Tensor | np.ndarray, names: Sequence[str] | None, metrics: Sequence[str]
) -> tuple[np.ndarray, tuple[str, ...], Sequence[str]]:
    """Return labels as (N, G) bool, with their names and the metrics to compute.

    Of class numbers (N,), metrics of single labels are left out: there may be thousands of classes.

    Raises:
        ValueError: The labels have another shape, or class numbers have names.
    """
    values = np.asarray(labels.detach().cpu() if isinstance(labels, Tensor) else labels)
    if values.ndim == 1 and names is not None:
        raise ValueError(f"genres must be (N, G) multi-hot to have genre_names, not {values.shape}")
    if values.ndim == 1:
        classes, number = np.unique(values, return_inverse=True)
        values, metrics = np.eye(len(classes), dtype=bool)[number], [m for m in metrics if not m.endswith("/genre")]
        names = [str(one) for one in classes]
    if values.ndim != 2:
        raise ValueError(f"labels must be (N,) class numbers or (N, G) multi-hot, not {values.shape}")
    return values != 0, tuple(map(str, range(values.shape[1])) if names is None else names), metrics


def order_by_id(
    vectors: Tensor,
    hot: np.ndarray,
    ids: Sequence[str] | np.ndarray,
    names: tuple[str, ...],
    years: np.ndarray | None,
    groups: np.ndarray | None,
) -> np.ndarray:
    """Check that the inputs match each other, and return the order of ids.

    Args:
        vectors: (N, D) embeddings.
        hot: (N, G) multi-hot genres.
        ids: (N,) ids.
        names: (G,) genre names.
        years: (N,) or None.
        groups: (N,) or None.

    Returns:
        (N,) positions in ascending order of id.

    Raises:
        InputError: Ids repeat, or there are no rows.
        ValueError: Shapes do not match.
    """
    n = len(vectors)
    shapes = {"genres": hot.shape[:1], "ids": np.shape(ids)}
    shapes |= {k: np.shape(v) for k, v in (("years", years), ("groups", groups)) if v is not None}
    for name, shape in shapes.items():
        if tuple(shape) != (n,):
            raise ValueError(f"{name} must have one entry for each of {n} embeddings, not shape {tuple(shape)}")
    if hot.ndim != 2 or hot.shape[1] != len(names):
        raise ValueError(f"genres must be ({n}, {len(names)}), not {hot.shape}")
    if n == 0:
        raise InputError("embeddings: there are none to evaluate; the split holds no posters: enlarge it")
    text = np.asarray(ids).astype(str)
    order = np.argsort(text, kind="stable")
    twice = np.flatnonzero(text[order][1:] == text[order][:-1])
    if len(twice):
        raise InputError(f"ids: {str(text[order][twice[0]])!r} occurs more than once; give each poster its own id")
    return order


def decades_of(years: np.ndarray | None, order: np.ndarray) -> np.ndarray | None:
    """Return (N,) int64 decades, −1 where the year is unknown; None if all years are unknown."""
    if years is None:
        return None
    known = np.asarray(years, dtype=np.float64)[order]
    if not np.isfinite(known).any():
        return None
    return np.where(np.isfinite(known), np.floor(np.nan_to_num(known) / 10), -1).astype(np.int64)
