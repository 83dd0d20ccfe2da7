"""Dropout that does not wait for random numbers."""

import torch
from torch import Tensor


def byte_dropout(values: Tensor, share: float, training: bool) -> Tensor:
    """Inverted dropout (Srivastava et al. 2014, JMLR 15) from one random byte a number.

    On CPUs, drawing one number of the generator for each element costs more than a small layer; here one serves eight
    elements. The share is rounded to 1/256, and what is kept is scaled by the rounded one, so its mean stays exact.

    Args:
        values: Any shape.
        share: Of elements set to 0, in [0, 1).
        training: Without it, ``values`` are returned as they are.

    Returns:
        The shape of ``values``.
    """
    dropped = min(round(share * 256), 255)
    if not training or dropped == 0:
        return values
    words = torch.empty(-(-values.numel() // 8), dtype=torch.int64, device=values.device).random_(-(2**63), None)
    kept = words.view(torch.uint8)[: values.numel()].view(values.shape) >= dropped
    return values * kept * (256 / (256 - dropped))
