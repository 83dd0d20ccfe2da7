"""Validation of vectors and ids, shared by training, ``embed``, ``index``, FAISS and Milvus."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from keyart.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

LENGTH_TOLERANCE = 1e-2
"""Largest allowed difference of a vector's length from 1; rounding to bfloat16 causes less."""
_ROWS = 65_536


def check_unit_vectors(
    vectors: np.ndarray,
    ids: "Sequence[Any] | pd.Series",
    place: Callable[[int], str] | None = None,
    *,
    lengths: bool = True,
) -> None:
    """Check that vectors and ids are valid for an index.

    Args:
        vectors: (N, E) real numbers.
        ids: N ids.
        place: Returns where a row comes from, for error messages, such as ``part.parquet: row 3``; None: ``row 3``.
        lengths: Whether to check the lengths. Training does not: a collapsed model outputs zero vectors, which its
            metrics report.

    Raises:
        InputError: N or E is 0, the numbers of rows differ, a value is NaN or infinite, a vector's length is not 1, or
            an id is missing or not unique.

    Examples:
        >>> check_unit_vectors(np.eye(2, dtype=np.float32), ["a", "a"])
        Traceback (most recent call last):
        keyart.errors.InputError: row 1: the id 'a' is also that of row 0; give each poster an id of its own
    """
    import pandas as pd

    where = place or (lambda row: f"row {row}")
    if vectors.ndim != 2 or not vectors.size or vectors.dtype.kind != "f":
        raise InputError(f"embeddings: must be (N, E) real numbers, not {vectors.shape} {vectors.dtype}")
    if len(ids) != len(vectors):
        raise InputError(f"embeddings: {len(vectors)} vectors of {len(ids)} ids; give one vector for each id")
    names = pd.Series(list(ids), dtype=object)
    if (missing := (names.isna() | (names.astype(str).str.strip() == "")).to_numpy(dtype=bool)).any():
        raise InputError(f"{where(int(missing.argmax()))}: has no id; give each poster an id")
    texts = names.astype(str)
    if (repeated := texts.duplicated().to_numpy()).any():
        row = int(repeated.argmax())
        first = int((texts == texts[row]).to_numpy().argmax())
        raise InputError(
            f"{where(row)}: the id {texts[row]!r} is also that of {where(first)}; give each poster an id of its own"
        )
    for start in range(0, len(vectors), _ROWS):
        block = vectors[start : start + _ROWS]
        finite = np.isfinite(block).all(axis=1)
        if not finite.all():
            row = start + int(finite.argmin())
            raise InputError(f"{where(row)} (id {texts[row]}): its embedding holds NaN or infinity; embed it again")
        if not lengths:
            continue
        measured = np.sqrt(np.einsum("ij,ij->i", block, block, dtype=np.float64))
        wrong = np.abs(measured - 1) > LENGTH_TOLERANCE
        if wrong.any():
            row = start + int(wrong.argmax())
            length = float(measured[row - start])
            fix = "embed it again" if length == 0 else "divide each vector by its length"
            raise InputError(f"{where(row)} (id {texts[row]}): its embedding has length {length:.3g}, not 1; {fix}")
