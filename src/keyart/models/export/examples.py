"""Helpers for exporters: generated images, tracing, and suppression of messages."""

import contextlib
import logging
import sys
import warnings
from collections.abc import Iterator

import torch
from torch import Tensor, nn


def example_images(count: int, size: tuple[int, int]) -> Tensor:
    """Return images (count, 3, height, width) of soft colour blobs in [0, 1], the same at each call."""
    rough = torch.rand(count, 3, 12, 8, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(rough, size, mode="bicubic").clamp(0, 1)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep an exporter's progress messages off standard output, and suppress its hints for its own developers."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(sys.stderr):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def trace(module: nn.Module, inputs: Tensor) -> torch.export.ExportedProgram:
    """Trace a module in evaluation mode for any number of inputs, of which ``inputs`` holds at least two."""
    batch = torch.export.Dim("batch", min=1)
    return torch.export.export(module.eval(), (inputs[:2].clone(),), dynamic_shapes=({0: batch},))
