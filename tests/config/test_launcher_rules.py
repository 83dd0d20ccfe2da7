"""Tests of unusable launchers: one line reports the problem, before any composition or submission."""

import importlib.util
import shutil

import pytest

from keyart.config import launcher_rules, plugin_rules as plugins, preflight
from keyart.config.compose import CONFIG_FOLDER
from keyart.errors import InputError

SLURM = ["-m", "trainer=cpu", "hydra/launcher=slurm"]


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Return a function that creates fake SLURM programs on the PATH; they accept every job."""
    if importlib.util.find_spec("submitit") is None:
        pytest.skip("needs hydra-submitit-launcher")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")

    def make(sbatch="cat >{folder}/script"):
        for name, body in (("sbatch", sbatch.format(folder=tmp_path)), ("srun", ""), ("squeue", "")):
            (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
            (tmp_path / name).chmod(0o755)
        return tmp_path / "script"

    return make


def refused(arguments):
    with pytest.raises(InputError) as caught:
        preflight(arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_slurm_without_sbatch_whatever_the_launcher_is_called(monkeypatch):
    monkeypatch.setattr(launcher_rules.shutil, "which", lambda name: None)
    launcher_rules.check_programs("other", "some.LocalLauncher")
    with pytest.raises(InputError, match="hydra/launcher=other: there is no sbatch on this machine's PATH"):
        launcher_rules.check_programs("other", "some.SlurmLauncher")


def test_a_launcher_that_an_experiment_names_is_checked_too(programs, tmp_path):
    programs("echo 'sbatch: error: no such account' >&2; exit 1")
    shutil.copytree(CONFIG_FOLDER, tmp_path / "conf")
    text = "# @package _global_\ndefaults:\n  - override /hydra/launcher: slurm_cpu\n"
    (tmp_path / "conf" / "experiment" / "ours.yaml").write_text(text)
    with pytest.raises(InputError, match=r"hydra/launcher=slurm_cpu: SLURM refuses the job: .*no such account"):
        preflight(["-m", "trainer=cpu", "experiment=ours", "seed=0,1"], tmp_path / "conf")


def test_the_cores_of_this_machine_do_not_bind_the_clusters_nodes(programs):
    programs()
    arguments = [*SLURM, "trainer.devices=9999"]
    assert preflight(arguments) == arguments


def test_a_launcher_needs_a_sweep():
    assert "hydra/launcher=slurm: a launcher runs the jobs of a sweep; add -m" in refused(["hydra/launcher=slurm"])


def test_the_package_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(plugins, "find_spec", lambda name: None)
    for launcher in ("slurm", "slurm_gpu", "submitit_slurm"):
        assert "pip install -e '.[slurm]'" in refused(["-m", f"hydra/launcher={launcher}"])


@pytest.mark.parametrize("missing", ["sbatch", "srun", "squeue"])
def test_a_machine_without_slurm_is_reported(missing, programs, monkeypatch):
    programs()
    which = launcher_rules.shutil.which
    monkeypatch.setattr(launcher_rules.shutil, "which", lambda name: None if name == missing else which(name))
    assert f"there is no {missing} on this machine's PATH" in refused(SLURM)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["hydra/launcher=slurm_nodes"], ["trainer.num_nodes=1", "slurm_nodes"]),
        (["hydra.launcher.tasks_per_node=4"], ["trainer.devices=1", "tasks_per_node is 4"]),
        (["trainer.devices=1,2", "hydra/launcher=slurm_gpu"], ["trainer.devices=2", "gpus_per_node is 1"]),
        (["trainer.devices=auto"], ["trainer.devices=auto", "whole number"]),
        (["hydra.launcher.nodes=2"], ["trainer.num_nodes=1", "nodes is 2"]),
        (["hydra.launcher.partion=x"], ["hydra.launcher.partion=x", "--cfg hydra"]),
    ],
    ids=str,
)
def test_what_does_not_fit_together_is_reported(arguments, named, programs):
    programs()
    line = refused([*SLURM, *arguments])
    for part in named:
        assert part in line


def test_what_slurm_refuses_is_reported_in_its_own_words(programs):
    programs("echo 'sbatch: error: invalid partition specified: nosuch' >&2; exit 1")
    line = refused([*SLURM, "hydra.launcher.partition=nosuch"])
    assert line.endswith("SLURM refuses the job: sbatch: error: invalid partition specified: nosuch")


def test_slurm_is_asked_for_just_what_will_be_submitted(programs):
    script = programs()
    arguments = [*SLURM, "hydra/launcher=slurm_gpu", "hydra.launcher.partition=long", "hydra.launcher.timeout_min=90"]
    arguments += ["trainer.devices=2", "loss.margin=40,45", "name=try"]
    assert preflight(arguments) == arguments
    asked = script.read_text()
    for flag in ("partition=long", "time=90", "signal=USR2@120", "requeue", "gpus-per-node=2", "ntasks-per-node=2"):
        assert f"#SBATCH --{flag}\n" in asked
    assert "#SBATCH --job-name=try\n" in asked


def test_the_signal_comes_within_a_short_job(programs):
    script = programs()
    preflight([*SLURM, "hydra.launcher.timeout_min=2"])
    assert "#SBATCH --signal=USR2@60\n" in script.read_text()
