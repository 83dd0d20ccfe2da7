"""In which number format a backbone computes: bfloat16 where the hardware has it, else float32."""

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Literal, get_args

import torch

from keyart.errors import InputError

Precision = Literal["auto", "fp32", "bf16"]


@cache
def has_bf16(kind: str) -> bool:
    """Whether the hardware multiplies in bfloat16 (AVX-512-BF16 or AMX on CPUs; compute capability 8.0 on CUDA).

    Args:
        kind: A device type, such as ``"cpu"`` or ``"cuda"``.
    """
    if kind == "cuda":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    if kind == "cpu":
        # torch offers no public question for this before 2.9, and the answer of these is what that one returns.
        tests = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
        return any(test() for test in tests if test is not None)
    return False


def resolve_precision(device: torch.device | str, precision: str = "auto") -> Literal["fp32", "bf16"]:
    """Which format ``precision`` means on ``device``.

    Args:
        device: Where the backbone computes.
        precision: ``auto`` (bfloat16 where the hardware has it), ``fp32`` or ``bf16``.

    Raises:
        InputError: For any other word.

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
    """A context in which a backbone computes in ``precision``; weights and everything outside stay float32.

    Args:
        device: Where the backbone computes.
        precision: See :func:`resolve_precision`.

    Raises:
        InputError: For an unknown precision.
    """
    if resolve_precision(device, precision) == "fp32":
        return nullcontext()
    return torch.autocast(torch.device(device).type, dtype=torch.bfloat16)
