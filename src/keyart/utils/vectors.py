"""Operations on arrays of vectors."""

import numpy as np
import numpy.typing as npt


def normalise_rows(vectors: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Normalise the rows of (N, D) vectors to length one, as float32; rows of zeros stay zeros."""
    wide = np.asarray(vectors, dtype=np.float64)
    return (wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12)).astype(np.float32)
