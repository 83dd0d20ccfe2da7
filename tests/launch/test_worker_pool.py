"""Processes that run a sweep's jobs."""

import os
from pathlib import Path

import keyart
from keyart.launch.sweep import worker_pool


def test_workers_import_the_keyart_that_starts_them(tmp_path, monkeypatch):
    begun = []

    def start(command, env, pass_fds, **_):
        begun.append(env)
        begun.append(os.dup(pass_fds[0]))  # it listens

    monkeypatch.setattr(worker_pool.subprocess, "Popen", start)
    pool = worker_pool.WorkerPool(worker_pool.JobContext(tmp_path, "train", ()), tmp_path, 1, threads=1)
    pool._start(0)
    os.close(begun.pop())
    first = Path(begun[0]["PYTHONPATH"].split(os.pathsep)[0])
    assert first / "keyart" / "__init__.py" == Path(keyart.__file__)
