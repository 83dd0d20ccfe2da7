"""Fixtures: W&B runs without a login, and functions that read their logs."""

import json
import os
import subprocess
import sys

import pytest

from tests.models.conftest import one_thread  # noqa: F401


@pytest.fixture(scope="module")
def logged_out(tmp_path_factory):
    """Simulate a user who is not logged in to W&B and has an empty home."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("WANDB_")]:
            patch.delenv(name)
        patch.setenv("HOME", str(home))
        patch.setenv("NETRC", str(home / "none"))
        patch.setenv("no_proxy", "127.0.0.1")
        yield home


def inspect_session(session, *options):
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", *options, str(session)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=180).stdout


@pytest.fixture(scope="session")
def read_summary():
    """Provide a function that reads the final state, config and summary from an offline session's log."""
    return lambda session: json.loads(inspect_session(session, "--summary"))


@pytest.fixture(scope="session")
def read_records():
    """Provide a function that reads all records of an offline session's log."""
    return lambda session: [json.loads(line) for line in inspect_session(session).splitlines()]


@pytest.fixture(scope="session")
def history_of():
    """Provide a function that maps each step to its logged values, without W&B's own fields."""

    def history(records):
        rows = [record["history"]["item"] for record in records if record["type"] == "history"]
        return {row["_step"]: {k: v for k, v in row.items() if not k.startswith("_")} for row in rows}

    return history


@pytest.fixture(scope="session")
def open_run():
    """Provide a function that creates a run's folder with the files that exist before the first step."""

    def make(folder):
        folder.mkdir(exist_ok=True)
        (folder / "config.yaml").write_text("seed: 3\nloss:\n  name: angular\n  margin: 45\n")
        environment = {
            "python": "3.11.7",
            "git": {"commit": "c0ffee", "dirty": True},
            "dataset": {"fingerprint": "f1ngerpr1nt", "posters": 24},
        }
        (folder / "environment.json").write_text(json.dumps(environment))
        return folder

    return make
