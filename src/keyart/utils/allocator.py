"""What happens to memory that a network on the CPU has freed: it is kept for the next layer."""

import ctypes
import os
from functools import cache

# From glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEPT_BLOCK = 1 << 30


@cache
def keep_freed_memory() -> bool:
    """Let this process keep freed blocks of up to 1 GiB, instead of giving them back to the system.

    By default glibc asks the system anew for each block above 32 MiB, such as a layer's maps, and the system clears it
    page by page, which takes as long as the convolution that fills it: EfficientNet-Lite0 at 256×176 embeds 16 posters
    in float32 in half the time without, and takes a training step of 64 posters in 0.7 of it. The process's largest
    size is what it was, but it does not shrink before its end.

    Nothing is changed where a person has set up malloc by the environment, nor where there is no glibc.

    Returns:
        Whether freed memory is kept.
    """
    told = any(name.startswith("MALLOC_") for name in os.environ) or "malloc" in os.environ.get("GLIBC_TUNABLES", "")
    if told or os.name != "posix":
        return False
    adjust = getattr(ctypes.CDLL(None), "mallopt", None)
    if adjust is None:
        return False
    return bool(adjust(_MMAP_THRESHOLD, _KEPT_BLOCK)) and bool(adjust(_TRIM_THRESHOLD, 2 * _KEPT_BLOCK - 1))
