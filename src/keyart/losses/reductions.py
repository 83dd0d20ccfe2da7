"""Sums, means and soft maxima over masked pairs, with finite gradients also for empty masks."""

import torch
from torch import Tensor

# exp(50) fits float32, and log(1 + exp x) − x is below float64 precision from there on.
_LINEAR_FROM = 50.0


def as_numbers(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """Convert a boolean mask to 0 and 1.

    On CPUs, PyTorch converts bytes to floats several times faster than booleans.

    >>> as_numbers(torch.tensor([True, False]), torch.float32)
    tensor([1., 0.])
    """
    return mask.view(torch.uint8).to(dtype)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of ``values`` where ``mask`` is True, a scalar; 0 if it is nowhere True. Both have shape (…).

    >>> masked_mean(torch.tensor([1.0, 5.0]), torch.tensor([True, False]))
    tensor(1.)
    """
    count = mask.sum().clamp(min=1)
    return torch.where(mask, values, 0).sum() / count


def nonzero_mean(values: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return the mean of the ``values`` that are above 0 (and where ``mask`` is True); 0 if there are none.

    Satisfied terms do not dilute the others. This is AvgNonZeroReducer of pytorch-metric-learning.

    >>> nonzero_mean(torch.tensor([0.0, 1.0, 3.0]))
    tensor(2.)
    """
    above = values > 0
    return masked_mean(values, above if mask is None else above & mask)


def masked_logsumexp(values: Tensor, mask: Tensor, dim: int = 1) -> Tensor:
    """Return log Σ exp of ``values`` (N, M) where ``mask`` is True, over one dimension.

    If it is nowhere True, the result is about the lowest number of the dtype, with gradient 0. Then its exp is 0, and
    no NaN occurs.

    >>> masked_logsumexp(torch.zeros(1, 3), torch.tensor([[True, True, False]])).exp()
    tensor([2.])
    """
    lowest = torch.finfo(values.dtype).min
    return torch.where(mask, values, lowest).logsumexp(dim)


def softplus(values: Tensor) -> Tensor:
    """Compute log(1 + exp x) to full precision; PyTorch's own is linear above 20, which loses digits in float64."""
    return torch.nn.functional.softplus(values, threshold=_LINEAR_FROM)


def distances(rows: Tensor, ref_emb: Tensor) -> Tensor:
    """Return the (N, M) Euclidean distances of (N, E) and (M, E); the gradient is 0 where the distance is 0."""
    return torch.cdist(rows, ref_emb)


def log_likelihood_loss(logits: Tensor, weights: Tensor, valid_pairs: Tensor) -> Tensor:
    """Compute −Σ_j w_ij log softmax_j(logits) / Σ_j w_ij of each row; 0 for rows without weight.

    Args:
        logits: (N, M).
        weights: (N, M) non-negative, 0 outside ``valid_pairs``.
        valid_pairs: (N, M) bool, over which the softmax is taken.

    Returns:
        (N,).
    """
    total = weights.sum(dim=1)
    mean = (logits * weights).sum(dim=1) / torch.where(total > 0, total, 1)
    return torch.where(total > 0, masked_logsumexp(logits, valid_pairs) - mean, 0)
