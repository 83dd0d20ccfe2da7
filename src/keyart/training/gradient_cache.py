"""Virtual batches: a batch larger than memory allows, with the gradient of the whole (gradient caching)."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint


def in_chunks(function: Callable[[Tensor], Tensor], rows: Tensor, size: int | None) -> Tensor:
    """``function`` of all rows, a chunk at a time, holding what the backward pass needs of one chunk only.

    Gradient caching (Gao et al. 2021, arXiv 2101.06983): all rows are embedded without keeping activations, the loss
    over all of them gives the gradient at the embeddings, and then each chunk is embedded again to carry its share of
    that gradient on to the weights. Checkpointing each chunk (Chen et al. 2016, arXiv 1604.06174) does just that: its
    activations are made anew when the backward pass reaches it, and freed before the next chunk's. The random numbers
    of a chunk (dropout, stochastic depth) are the same both times. It costs one more forward pass.

    The gradient is that of one batch where ``function`` treats rows independently: batch norm must use fixed
    statistics.

    Args:
        function: (n, …) to (n, E), for any n.
        rows: (N, …).
        size: Rows in a chunk; None for all at once, without a second pass.

    Returns:
        (N, E).
    """
    if size is None or size >= len(rows) or not torch.is_grad_enabled():
        return function(rows)
    made: list[Tensor] = [checkpoint(function, chunk, use_reentrant=False) for chunk in torch.split(rows, size)]
    return torch.cat(made)
