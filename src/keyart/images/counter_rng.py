"""Counter-based random numbers: a pure function of seed, epoch and key, identical on every device."""

import hashlib
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

_GOLDEN = 0x9E3779B97F4A7C15
_FIRST = 0xBF58476D1CE4E5B9
_SECOND = 0x94D049BB133111EB
_MASK = (1 << 64) - 1


def uniforms(keys: Tensor, seed: int, epoch: int, count: int) -> Tensor:
    """Draw ``count`` uniform numbers for each key.

    The generator applies the SplitMix64 finaliser (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number
    generators") to (seed, epoch, key, index of the draw), in wrapping 64-bit integers, so that CPU and GPU give
    identical bits.

    Args:
        keys: (B,) int64.
        seed: Any integer.
        epoch: Any integer.
        count: Number of draws for each key.

    Returns:
        (B, count) float32 in [0, 1), multiples of 2⁻²⁴, on the keys' device.

    Examples:
        >>> uniforms(torch.tensor([7, 8]), seed=0, epoch=0, count=2)[1:].equal(
        ...     uniforms(torch.tensor([8]), seed=0, epoch=0, count=2)
        ... )
        True
    """
    base = _mix_number(_mix_number(seed) + epoch)
    streams = _mix(keys ^ _signed(base))[:, None]
    draws = torch.arange(1, count + 1, dtype=torch.int64, device=keys.device) * _signed(_GOLDEN)
    bits = _mix(streams + draws)
    return ((bits >> 40) & 0xFFFFFF).float() * 2.0**-24


def text_keys(texts: Iterable[object]) -> np.ndarray:
    """Return a key for each text, such as a poster's id: (N,) int64 from the first 8 bytes of its BLAKE2b hash."""
    digests = b"".join(hashlib.blake2b(str(text).encode(), digest_size=8).digest() for text in texts)
    return np.frombuffer(digests, dtype="<i8").astype(np.int64)


def _signed(number: int) -> int:
    return number - (1 << 64) if number >> 63 else number


def _mix_number(number: int) -> int:
    number = (number + _GOLDEN) & _MASK
    number = ((number ^ (number >> 30)) * _FIRST) & _MASK
    number = ((number ^ (number >> 27)) * _SECOND) & _MASK
    return number ^ (number >> 31)


def _mix(numbers: Tensor) -> Tensor:
    numbers = (numbers ^ _shifted(numbers, 30)) * _signed(_FIRST)
    numbers = (numbers ^ _shifted(numbers, 27)) * _signed(_SECOND)
    return numbers ^ _shifted(numbers, 31)


def _shifted(numbers: Tensor, places: int) -> Tensor:
    """Shift logically to the right; torch's own operator keeps the sign."""
    return (numbers >> places) & ((1 << (64 - places)) - 1)
