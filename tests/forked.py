"""Processes for tests, forked from one that has imported keyart's training, which takes as long as most tests."""

import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path

import torch

multiprocessing.set_forkserver_preload(["keyart.training.train"])


def run_two(work: Callable[..., None], *arguments: object) -> None:
    """Call ``work(rank, *arguments)`` in two processes; it raises in this one what it raises in either."""
    torch.multiprocessing.start_processes(work, arguments, nprocs=2, start_method="forkserver")


def run_one(work: Callable[..., None], log: Path, *arguments: object) -> tuple[int | None, str]:
    """Call ``work(*arguments)`` in a process of its own: its exit code, and its standard error by way of ``log``."""
    process = multiprocessing.get_context("forkserver").Process(target=_logged, args=(work, log, *arguments))
    process.start()
    process.join(120)
    return process.exitcode, log.read_text()


def _logged(work: Callable[..., None], log: Path, *arguments: object) -> None:
    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT), 2)
    work(*arguments)
