"""Tables with one row per poster, stored on the GPU if they fit, else gathered in CPU memory."""

import math
from collections.abc import Callable
from functools import partial
from typing import Literal, get_args

import torch
from torch import Tensor

from keyart.errors import InputError
from keyart.images.pixel_cache import PixelCache

Placement = Literal["auto", "always", "never"]
_SHARE = 0.5  # fraction of the free GPU memory; the rest is for the model and its activations


class DeviceRows:
    """Table of rows that are gathered on a device or, if the table does not fit there, on the CPU.

    On the CPU, rows for a GPU are gathered into page-locked memory while the GPU processes the previous batch.

    Args:
        name: Name of the rows, for messages.
        count: Number of rows.
        shape: Shape of one row.
        dtype: Data type of the rows.
        gather: Gathers CPU rows by (B,) int64 CPU positions, into ``out`` if it is not None.
        placement: Where to store the table. ``auto``: on the device if it is a CUDA GPU and the table needs at most
            half of its free memory; ``always``: on any device; ``never``: in CPU memory.

    Raises:
        InputError: ``placement`` is unknown.
    """

    def __init__(
        self,
        name: str,
        count: int,
        shape: tuple[int, ...],
        dtype: torch.dtype,
        gather: Callable[[Tensor, Tensor | None], Tensor],
        placement: Placement = "auto",
    ) -> None:
        if placement not in get_args(Placement):
            raise InputError(f"{name} on the device: {placement!r}; use {', '.join(get_args(Placement))}")
        self.nbytes = count * math.prod(shape) * dtype.itemsize
        self._count, self._shape, self._dtype = count, shape, dtype
        self._gather, self._placement = gather, placement
        self._resident: Tensor | None = None
        self._settled: torch.device | None = None

    @classmethod
    def of_pixels(cls, pixels: PixelCache, placement: Placement = "auto") -> "DeviceRows":
        """Create the table from a pixel cache: rows of (H, W, 3) uint8."""
        shape = (*pixels.image_size, 3)
        return cls("pixels", len(pixels), shape, torch.uint8, partial(_gather_pixels, pixels), placement)

    @classmethod
    def of_tensor(cls, name: str, rows: Tensor, placement: Placement = "auto") -> "DeviceRows":
        """Create the table from a CPU tensor."""
        return cls(name, len(rows), tuple(rows.shape[1:]), rows.dtype, partial(_gather_rows, rows), placement)

    def fetch(self, positions: Tensor, device: torch.device) -> Tensor | None:
        """Gather rows on the CPU, by positions on the CPU; return ``None`` if the table is on the device."""
        if self._on(device) is not None:
            return None
        if device.type != "cuda":
            return self._gather(positions, None)
        locked = torch.empty((len(positions), *self._shape), dtype=self._dtype, pin_memory=True)
        return self._gather(positions, locked)

    def gather(self, positions: Tensor) -> Tensor:
        """Gather rows on the table's device, by positions on that device; call `fetch` first."""
        assert self._resident is not None, "fetch() comes first"
        return self._resident.index_select(0, positions)

    def _on(self, device: torch.device) -> Tensor | None:
        if self._settled != device:
            self._settled = device
            self._resident = self._load(device) if self._fits(device) else None
        return self._resident

    def _fits(self, device: torch.device) -> bool:
        if device.type == "cpu" or self._placement == "never":
            return False
        if self._placement == "always":
            return True
        return device.type == "cuda" and self.nbytes <= _SHARE * torch.cuda.mem_get_info(device)[0]

    def _load(self, device: torch.device) -> Tensor:
        table = torch.empty((self._count, *self._shape), dtype=self._dtype, device=device)
        for start in range(0, self._count, 1024):
            at = torch.arange(start, min(start + 1024, self._count))
            table[start : start + len(at)] = self._gather(at, None).to(device)
        return table


def _gather_pixels(pixels: PixelCache, at: Tensor, out: Tensor | None) -> Tensor:
    return pixels.take(at, out=out)


def _gather_rows(rows: Tensor, at: Tensor, out: Tensor | None) -> Tensor:
    return rows.index_select(0, at) if out is None else torch.index_select(rows, 0, at, out=out)
