"""Number format of a backbone's computation: bfloat16 if the hardware supports it, else float32."""

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Literal, get_args

import torch

from keyart.errors import InputError

Precision = Literal["auto", "fp32", "bf16"]


@cache
def has_bf16(kind: str) -> bool:
    """Return whether the hardware supports bfloat16 (AVX-512-BF16 or AMX on CPUs; compute capability 8.0 on CUDA)."""
    if kind == "cuda":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    if kind == "cpu":
        # Before 2.9 torch has no public function for this; its public function returns the result of these.
        tests = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
        return any(test() for test in tests if test is not None)
    return False


def resolve_precision(device: torch.device | str, precision: str = "auto") -> Literal["fp32", "bf16"]:
    """Return the number format that ``precision`` means on ``device``.

    Args:
        device: Device of the backbone.
        precision: ``auto`` (bfloat16 where the hardware has it), ``fp32`` or ``bf16``.

    Raises:
        InputError: ``precision`` is none of these.

    Examples:
        >>> resolve_precision("cpu", "fp32")
        'fp32'
    """
    if precision not in get_args(Precision):
        raise InputError(f"training.precision={precision}: unknown; choose one of {', '.join(get_args(Precision))}")
    if precision == "auto":
        return "bf16" if has_bf16(torch.device(device).type) else "fp32"
    return "bf16" if precision == "bf16" else "fp32"


def autocast_for(device: torch.device | str, precision: str = "auto") -> AbstractContextManager[object]:
    """Return a context in which a backbone computes in ``precision``; weights and all other operations stay float32.

    Args:
        device: Device of the backbone.
        precision: See :func:`resolve_precision`.

    Raises:
        InputError: ``precision`` is unknown.
    """
    if resolve_precision(device, precision) == "fp32":
        return nullcontext()
    return torch.autocast(torch.device(device).type, dtype=torch.bfloat16)
