"""Sums, means and soft maxima over the pairs that a mask allows, with finite gradients where it allows none."""

import torch
from torch import Tensor

# exp of it fits float32, and log(1 + exp x) − x is below float64's accuracy there.
_LINEAR_FROM = 50.0


def as_numbers(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """A boolean mask as 0 and 1.

    PyTorch turns bytes into floats several times faster than booleans, on CPUs.

    >>> as_numbers(torch.tensor([True, False]), torch.float32)
    tensor([1., 0.])
    """
    return mask.view(torch.uint8).to(dtype)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """The mean of ``values`` where ``mask`` holds, 0 where it holds nowhere; both (…), the result a scalar.

    >>> masked_mean(torch.tensor([1.0, 5.0]), torch.tensor([True, False]))
    tensor(1.)
    """
    count = mask.sum().clamp(min=1)
    return torch.where(mask, values, 0).sum() / count


def nonzero_mean(values: Tensor, mask: Tensor | None = None) -> Tensor:
    """The mean of those ``values`` that are above 0 (and where ``mask`` holds), 0 where none is.

    What is already satisfied does not dilute what is not. It is AvgNonZeroReducer of pytorch-metric-learning.

    >>> nonzero_mean(torch.tensor([0.0, 1.0, 3.0]))
    tensor(2.)
    """
    above = values > 0
    return masked_mean(values, above if mask is None else above & mask)


def masked_logsumexp(values: Tensor, mask: Tensor, dim: int = 1) -> Tensor:
    """Logarithm of Σ exp of ``values`` (N, M) where ``mask`` holds, over one dimension.

    Where it holds nowhere: about the lowest number there is, with gradient 0, so that exp of it is 0 and nothing turns
    into NaN.

    >>> masked_logsumexp(torch.zeros(1, 3), torch.tensor([[True, True, False]])).exp()
    tensor([2.])
    """
    lowest = torch.finfo(values.dtype).min
    return torch.where(mask, values, lowest).logsumexp(dim)


def softplus(values: Tensor) -> Tensor:
    """log(1 + exp x), exact to the last digits (PyTorch's own is linear from 20 on, which float64 can tell)."""
    return torch.nn.functional.softplus(values, threshold=_LINEAR_FROM)


def distances(rows: Tensor, references: Tensor) -> Tensor:
    """(N, M) Euclidean distances of (N, E) and (M, E); the gradient is 0 where the distance is 0."""
    return torch.cdist(rows, references)


def log_likelihood_loss(logits: Tensor, weights: Tensor, compared: Tensor) -> Tensor:
    """−Σ_j w_ij log softmax_j(logits) / Σ_j w_ij of each row, 0 for rows without weight.

    Args:
        logits: (N, M).
        weights: (N, M) non-negative, 0 outside of ``compared``.
        compared: (N, M) bool, over which the softmax is taken.

    Returns:
        (N,).
    """
    total = weights.sum(dim=1)
    mean = (logits * weights).sum(dim=1) / torch.where(total > 0, total, 1)
    return torch.where(total > 0, masked_logsumexp(logits, compared) - mean, 0)
