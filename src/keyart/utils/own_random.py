"""Draws that leave the random numbers of the process alone, in this thread and in others."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn import init
from torch.overrides import TorchFunctionMode

_IN_PLACE = ("bernoulli_", "cauchy_", "exponential_", "geometric_", "log_normal_", "normal_", "random_", "uniform_")
_NEW = ("bernoulli", "multinomial", "normal", "rand", "randint", "randn", "randperm")
# Functions of `torch.nn.init` that a mode receives as a whole; the others reach it by what they call.
_INIT = ("kaiming_uniform_", "normal_", "uniform_")
_DRAWING = {
    getattr(place, name) for place, names in ((torch.Tensor, _IN_PLACE), (torch, _NEW), (init, _INIT)) for name in names
}


@contextmanager
def own_random_numbers() -> Iterator[None]:
    """Let what this thread draws leave the process's random numbers alone; new tensors are on the CPU.

    ``torch.random.fork_rng`` saves and restores the numbers of all threads: a training in another thread would learn
    something else. Functions that take no generator, such as dropout, still use the process's numbers.
    """
    with torch.device("cpu"), _OwnGenerator():
        yield


class _OwnGenerator(TorchFunctionMode):
    """Gives a generator to each function that draws and has none; modes hold for one thread."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = torch.Generator().manual_seed(0)

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func in _DRAWING and kwargs.get("generator") is None:
            kwargs["generator"] = self.generator
        return func(*args, **kwargs)
