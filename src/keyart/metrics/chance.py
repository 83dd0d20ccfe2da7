r"""Chance levels: the exact expected value of each metric under a random ranking, per query.

A query ranks n gallery rows in uniformly random order; R of them are relevant. Let x_i be 1 if the row at rank i is
relevant, else 0. By symmetry E[x_i] = R/n, and E[x_i x_j] = R(R−1) / (n(n−1)) for i ≠ j. All formulas follow from these
two. All arguments and results are float64 tensors of one shape (Q,). Where R = 0 a result has no meaning, and the
caller leaves it out.
"""

import torch
from torch import Tensor

_EULER = 0.5772156649015329


def harmonic(n: Tensor) -> Tensor:
    """Return the harmonic numbers H_n = Σ_{i ≤ n} 1/i for whole n ≥ 0, by the digamma function."""
    return torch.digamma(n + 1) + _EULER


def discounts(k: int, device: torch.device | str = "cpu") -> Tensor:
    """Return the DCG discounts 1 / log2(1 + rank) for ranks 1 … k, (k,) float64."""
    return 1 / torch.log2(torch.arange(2, k + 2, dtype=torch.float64, device=device))


def expected_ndcg(gain_sum: Tensor, ideal: Tensor, n: Tensor, k: int) -> Tensor:
    """Return the expected nDCG@k.

    Each rank has the mean gain in expectation, so E[DCG] = (Σ gains / n) · Σ_{i ≤ min(k, n)} discount_i. It is divided
    by the ideal DCG.

    Args:
        gain_sum: Σ of the gains of the n rows.
        ideal: The ideal DCG@k.
        n: Number of gallery rows.
        k: Cutoff.
    """
    total = torch.cat([torch.zeros(1, dtype=n.dtype, device=n.device), discounts(k, n.device).cumsum(0)])
    return gain_sum / n.clamp(min=1) * total[n.clamp(max=k).to(torch.int64)] / ideal


def expected_precision(relevant: Tensor, n: Tensor, k: int) -> Tensor:
    """Return the expected precision@k: min(k, n) ranks, each relevant with probability R/n, divided by k."""
    return n.clamp(max=k) / k * relevant / n.clamp(min=1)


def expected_recall(relevant: Tensor, n: Tensor, k: int) -> Tensor:
    """Return the expected recall@k (at least one of the k nearest is relevant): 1 − C(n−R, k) / C(n, k).

    This is the hypergeometric distribution. With m = n−R irrelevant rows, C(m, k) / C(n, k) = m! (n−k)! / ((m−k)! n!),
    computed from log-gamma values; it is 0 where m < k.
    """
    drawn = n.clamp(max=k)
    rest = n - relevant
    some = (rest - drawn).clamp(min=0)
    log_none = torch.lgamma(rest + 1) + torch.lgamma(n - drawn + 1) - torch.lgamma(some + 1) - torch.lgamma(n + 1)
    return torch.where(rest < drawn, torch.ones_like(n), -torch.expm1(log_none.clamp(max=0)))


def expected_ap(relevant: Tensor, n: Tensor, depth: Tensor) -> Tensor:
    r"""Return the expected average precision cut at a rank, AP@d = (1/R) Σ_{i ≤ d} x_i · (Σ_{j ≤ i} x_j) / i.

    E[AP@d] = (1/R) Σ_{i ≤ d} (1/i) [R/n + (i−1) R(R−1) / (n(n−1))] = (1/n) [H_d + (R−1)/(n−1) · (d − H_d)].

    Args:
        relevant: R.
        n: Number of gallery rows.
        depth: d ≤ n: n for AP, R for AP@R.
    """
    first = harmonic(depth)
    pair = (relevant - 1) / (n - 1).clamp(min=1)
    return relevant / n.clamp(min=1) * (first + pair * (depth - first)) / relevant
