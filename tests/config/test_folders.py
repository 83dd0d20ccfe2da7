"""Tests that a run or a sweep never writes into another one's folder by accident."""

import errno
import os

import pytest
import yaml
from omegaconf import OmegaConf

from keyart.config import preflight
from keyart.config.compose import compose_plain
from keyart.config.sweep_callback import SweepReport
from keyart.errors import InputError
from keyart.launch.sweep.running import running_process
from keyart.runs.sweep.state import Plan
from keyart.utils.folder_lock import release


def refusal(arguments):
    with pytest.raises(InputError) as caught:
        preflight(arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def run(tmp_path):
    """Create the folder of a run that was trained with ``seed=1``."""
    folder = tmp_path / "run"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "checkpoints" / "last.ckpt").touch()
    (folder / "config.yaml").write_text(yaml.safe_dump(compose_plain(["seed=1"])))
    return folder


def test_another_run_does_not_continue_with_a_folders_checkpoint(run):
    summary = refusal([f"hydra.run.dir={run}", "seed=2"])
    assert summary.startswith(f"hydra.run.dir={run}: seed was 1 and is 2 now")
    assert "start a new run" in summary


def test_the_same_line_may_be_started_again(run):
    arguments = ["seed=1", f"hydra.run.dir={run}"]
    assert preflight(arguments) == arguments


@pytest.mark.parametrize("arguments", [["hydra.run.dir={}"], ["-m", "seed=0,1", "hydra.sweep.dir={}"]])
def test_a_file_is_no_folder(arguments, tmp_path):
    (tmp_path / "file").touch()
    arguments = [argument.format(tmp_path / "file") for argument in arguments]
    assert "is a file; name a folder" in refusal(arguments)


@pytest.mark.parametrize("arguments", [["hydra.run.dir=${nosuch}"], ["-m", "seed=0,1", "hydra.sweep.dir=${nosuch}"]])
def test_a_folder_named_after_a_key_that_is_not_there(arguments):
    assert "there is no key nosuch" in refusal(arguments)


def test_a_sweep_does_not_begin_where_its_plan_cannot_be_written(tmp_path, monkeypatch, capsys):
    """Hydra would turn the error into a warning and run the jobs, which nobody could continue."""
    hydra = {
        "sweep": {"dir": str(tmp_path / "s")},
        "overrides": {"task": ["seed=1,2"], "hydra": ["hydra.mode=MULTIRUN"]},
    }
    config = OmegaConf.create({"hydra": {**hydra, "sweeper": {"_target_": "hydra.BasicSweeper", "params": None}}})

    def full(*given):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(tmp_path / "s" / "sweep.yaml"))

    with monkeypatch.context() as patch:
        patch.setattr(Plan, "write", full)
        with pytest.raises(SystemExit, match="2"):
            SweepReport().on_multirun_start(config)
    assert "s/sweep.yaml: no space is left there; make room, or name another place\n" in capsys.readouterr().err
    assert running_process(tmp_path / "s") is None
    SweepReport().on_multirun_start(config)
    release((tmp_path / "s").resolve())
    monkeypatch.setattr(SweepReport, "begun", None)
    assert Plan.read(tmp_path / "s").jobs == (("seed=1",), ("seed=2",))
