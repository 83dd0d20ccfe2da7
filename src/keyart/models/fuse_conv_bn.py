"""Fusion of batch norms into the preceding convolutions: the same function with fewer passes over memory."""

import copy
import logging
from itertools import pairwise
from typing import TypeVar

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

_M = TypeVar("_M", bound=nn.Module)

log = logging.getLogger(__name__)
#: Maximum difference between a fused and the original network, relative to the largest output.
TOLERANCE = 1e-3


@torch.no_grad()
def folded(model: _M, images: torch.Tensor) -> _M:
    """Return a copy of a network in evaluation mode whose batch norms are fused into the preceding convolutions.

    A convolution with weights w and bias b followed by a norm y = γ (x − μ) / √(σ² + ε) + β equals a convolution with
    weights γ w / √(σ² + ε) and bias γ (b − μ) / √(σ² + ε) + β. The convolution that precedes a norm is guessed from the
    order of a module's children, and the result is verified on ``images``. If the guess is wrong, nothing is fused.

    Args:
        model: Network from images to a tensor; not modified.
        images: (B, 3, H, W) images to verify the result on.

    Returns:
        A copy for inference only: it has no norms to train.
    """
    plain = copy.deepcopy(model).eval()
    created = copy.deepcopy(plain)
    count = _fold(created)
    if not count:
        return plain
    with torch.autocast(images.device.type, enabled=False):
        requested, found = plain(images), created(images)
    if bool((requested - found).abs().max() <= TOLERANCE * requested.abs().max().clamp(min=1e-6)):
        return created
    log.info("batch norms are not folded: this network holds its layers in another order than it applies them")
    return plain


def _fold(parent: nn.Module) -> int:
    """Fuse within each module of a tree; return the number of norms removed."""
    count = sum(_fold(child) for child in parent.children())
    names = list(parent._modules)
    for first, second in pairwise(names):
        convolution, norm = parent._modules[first], parent._modules[second]
        if not isinstance(convolution, nn.Conv2d) or not isinstance(norm, _BatchNorm) or norm.running_mean is None:
            continue
        if convolution.out_channels != norm.num_features:
            continue
        layout = _layout(convolution.weight)
        after = _what_follows(norm)
        parent._modules[first] = fuse_conv_bn_eval(convolution, norm).to(memory_format=layout)
        parent._modules[second] = after
        count += 1
    return count


def _what_follows(norm: nn.Module) -> nn.Module:
    """Return the operations that a norm applies after normalising: timm's own norms include dropout and activation."""
    own = [getattr(norm, name) for name in ("drop", "act") if isinstance(getattr(norm, name, None), nn.Module)]
    own = [part for part in own if not isinstance(part, nn.Identity)]
    return own[0] if len(own) == 1 else nn.Sequential(*own) if own else nn.Identity()


def _layout(weight: torch.Tensor) -> torch.memory_format:
    strided = weight.is_contiguous(memory_format=torch.channels_last) and not weight.is_contiguous()
    return torch.channels_last if strided else torch.contiguous_format
