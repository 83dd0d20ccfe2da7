"""Diversification of ranked lists by maximal marginal relevance (MMR)."""

import numpy as np


def diversify(relevance: np.ndarray, vectors: np.ndarray, k: int, balance: float = 0.7) -> np.ndarray:
    """Select k relevant and mutually dissimilar candidates by maximal marginal relevance (MMR).

    The method is that of Carbonell and Goldstein (1998). Each step selects the argmax of
    ``balance · relevance − (1 − balance) · max cosine to a selected candidate``. The earlier candidate wins a tie.

    Args:
        relevance: (C,) relevance of each candidate, on the scale of a cosine.
        vectors: (C, E) unit vectors of the candidates.
        k: Number of candidates to select; all of them if there are fewer than k.
        balance: Weight of relevance against variety, in [0, 1]: 1 uses relevance alone, 0 variety alone.

    Returns:
        (min(k, C),) positions among the candidates, in the order of selection.

    Raises:
        ValueError: ``balance`` is outside [0, 1].

    Examples:
        >>> v = np.array([[1.0, 0.0], [1.0, 0.0], [0.6, 0.8]])
        >>> diversify(np.array([0.9, 0.89, 0.6]), v, 2, balance=0.5).tolist()
        [0, 2]
    """
    if not 0 <= balance <= 1:
        raise ValueError(f"balance={balance}: must lie in [0, 1]")
    nearest = np.full(len(relevance), -np.inf)
    left = np.ones(len(relevance), dtype=bool)
    picked: list[int] = []
    for _ in range(min(k, len(relevance))):
        repeated = 0.0 if not picked else (1 - balance) * nearest
        best = int(np.argmax(np.where(left, balance * relevance - repeated, -np.inf)))
        picked.append(best)
        left[best] = False
        nearest = np.maximum(nearest, vectors @ vectors[best])
    return np.array(picked, dtype=np.int64)
