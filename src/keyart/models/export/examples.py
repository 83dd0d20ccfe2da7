"""What exporters need: generated posters to trace with, and silence."""

import contextlib
import logging
import sys
import warnings
from collections.abc import Iterator

import torch
from torch import Tensor


def example_images(count: int, size: tuple[int, int]) -> Tensor:
    """(count, 3, height, width) soft blots of colour in [0, 1], always the same."""
    rough = torch.rand(count, 3, 12, 8, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(rough, size, mode="bicubic").clamp(0, 1)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep an exporter's progress off standard output, and its advice to its own developers off everything."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(sys.stderr):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
