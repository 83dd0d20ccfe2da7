"""Gradient caching: batches larger than memory allows, with the gradient of the whole batch."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint


def in_chunks(function: Callable[[Tensor], Tensor], rows: Tensor, size: int | None) -> Tensor:
    """Apply ``function`` to all rows chunk by chunk, and keep the activations of only one chunk in the backward pass.

    This is gradient caching (Gao et al. 2021, arXiv 2101.06983): embed all rows without keeping activations, compute
    the gradient of the loss with respect to the embeddings, then embed each chunk again to propagate its part of that
    gradient to the weights. Checkpointing each chunk (Chen et al. 2016, arXiv 1604.06174) does exactly this: the
    backward pass recomputes the activations of a chunk and frees them before the next one. The random numbers of a
    chunk (dropout, stochastic depth) are the same both times. The cost is one more forward pass.

    The gradient equals that of one batch if ``function`` processes rows independently: batch norm must use fixed
    statistics.

    Args:
        function: Maps (n, …) to (n, E), for any n.
        rows: (N, …).
        size: Rows per chunk; None: all rows at once, without a second pass.

    Returns:
        (N, E).
    """
    if size is None or size >= len(rows) or not torch.is_grad_enabled():
        return function(rows)
    created: list[Tensor] = [checkpoint(function, chunk, use_reentrant=False) for chunk in torch.split(rows, size)]
    return torch.cat(created)
