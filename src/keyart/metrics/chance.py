r"""What a random ranking scores: exact expectations, per query.

A query faces n gallery rows in uniformly random order, R of them relevant. Let x_i be 1 where the row at rank i is
relevant. By symmetry E[x_i] = R/n, and E[x_i x_j] = R(R−1) / (n(n−1)) for i ≠ j. All formulas follow from these two.
All arguments are float64 tensors of one shape (Q,), all results too; where R = 0 they are meaningless and left out by
the caller.
"""

import torch
from torch import Tensor

_EULER = 0.5772156649015329


def harmonic(n: Tensor) -> Tensor:
    """H_n = Σ_{i ≤ n} 1/i, for whole n ≥ 0, by the digamma function."""
    return torch.digamma(n + 1) + _EULER


def discounts(k: int, device: torch.device | str = "cpu") -> Tensor:
    """(k,) float64: 1 / log2(1 + rank) for ranks 1 … k."""
    return 1 / torch.log2(torch.arange(2, k + 2, dtype=torch.float64, device=device))


def expected_ndcg(gain_sum: Tensor, ideal: Tensor, n: Tensor, k: int) -> Tensor:
    """nDCG@k: every rank holds the mean gain, so E[DCG] = (Σ gains / n) · Σ_{i ≤ min(k, n)} discount_i, over the ideal.

    Args:
        gain_sum: Σ of the gains of the n rows.
        ideal: The ideal DCG@k.
        n: Gallery rows.
        k: Cut-off.
    """
    total = torch.cat([torch.zeros(1, dtype=n.dtype, device=n.device), discounts(k, n.device).cumsum(0)])
    return gain_sum / n.clamp(min=1) * total[n.clamp(max=k).to(torch.int64)] / ideal


def expected_precision(relevant: Tensor, n: Tensor, k: int) -> Tensor:
    """Precision@k: min(k, n) ranks, each relevant with probability R/n, over k."""
    return n.clamp(max=k) / k * relevant / n.clamp(min=1)


def expected_recall(relevant: Tensor, n: Tensor, k: int) -> Tensor:
    """Recall@k (one of the k nearest is relevant): 1 − C(n−R, k) / C(n, k), by the hypergeometric distribution.

    With m = n−R rows that are not relevant, C(m, k) / C(n, k) = m! (n−k)! / ((m−k)! n!), taken from log-gammas; it is 0
    where m < k.
    """
    drawn = n.clamp(max=k)
    rest = n - relevant
    some = (rest - drawn).clamp(min=0)
    log_none = torch.lgamma(rest + 1) + torch.lgamma(n - drawn + 1) - torch.lgamma(some + 1) - torch.lgamma(n + 1)
    return torch.where(rest < drawn, torch.ones_like(n), -torch.expm1(log_none.clamp(max=0)))


def expected_ap(relevant: Tensor, n: Tensor) -> Tensor:
    r"""Average precision over the whole ranking, AP = (1/R) Σ_i x_i · (Σ_{j ≤ i} x_j) / i.

    E[AP] = (1/R) Σ_i (1/i) [R/n + (i−1) R(R−1) / (n(n−1))] = (1/n) [H_n + (R−1)/(n−1) · (n − H_n)].
    """
    return _expected_precision_sum(relevant, n, n) / relevant


def expected_ap_at_r(relevant: Tensor, n: Tensor) -> Tensor:
    """MAP@R = (1/R) Σ_{i ≤ R} x_i · (Σ_{j ≤ i} x_j) / i: the same sum as for AP, cut at rank R."""
    return _expected_precision_sum(relevant, n, relevant) / relevant


def expected_ap_at_k(relevant: Tensor, n: Tensor, k: int) -> Tensor:
    """AP@k = (1/R) Σ_{i ≤ k} x_i · (Σ_{j ≤ i} x_j) / i: the same sum cut at rank min(k, n)."""
    return _expected_precision_sum(relevant, n, n.clamp(max=k)) / relevant


def _expected_precision_sum(relevant: Tensor, n: Tensor, depth: Tensor) -> Tensor:
    """E[Σ_{i ≤ depth} x_i · (Σ_{j ≤ i} x_j) / i] = Σ_{i ≤ depth} (1/i) [R/n + (i−1) R(R−1) / (n(n−1))]."""
    first = harmonic(depth)
    pair = (relevant - 1) / (n - 1).clamp(min=1)
    return relevant / n.clamp(min=1) * (first + pair * (depth - first))
