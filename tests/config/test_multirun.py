"""Tests of sweeps: invalid ones are rejected in one line before any job; others are expanded and resumed."""

import os
import socket

import pytest
import yaml

from keyart.config import plugin_rules as plugins, preflight
from keyart.config.compose import Composer, compose_plain
from keyart.config.sweep_grid import covering_jobs, expand
from keyart.errors import InputError
from keyart.launch.sweep.running import TASK
from keyart.runs.sweep.state import Plan
from keyart.utils.folder_lock import acquire, release
from tests.helpers import draw_posters

SPACE = "loss.margin=interval(30,60)"


def refusal(arguments):
    with pytest.raises(InputError) as caught:
        preflight(arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["-m", "loss.margn=36,40"], ["loss.margn", "loss.margin"]),
        (["-m", "model=efficientnet_lite0,efficientnet_lite9"], ["efficientnet_lite9"]),
        (["-m", "seed=0,1", "loss=angular,triplet", "loss.margin=36,45"], ["loss.margin=36", "triplet"]),
        (["-m", SPACE], [SPACE, "hydra/sweeper=optuna"]),
        (["-m", "hydra/launcher=nosuch"], ["hydra/launcher=nosuch", "local"]),
        (["-m", "hydra/sweeper=nosuch"], ["hydra/sweeper=nosuch", "optuna"]),
        (["-m", "+samplr.m=3,4"], ["samplr.m", "sampler.m"]),
        (["-m", "experiment=plain", "sampler.m=4,256"], ["sampler.m=256", "sampler.batch_size=128"]),
        (["-m", "data=posters", "data.catalogue=/nowhere.csv", "seed=0,1"], ["data.catalogue=/nowhere.csv"]),
        (["resume_sweep=/nowhere"], ["resume_sweep=/nowhere", "sweep.yaml"]),
        (["-m", "hydra/launcher=local", "hydra.launcher.jobs=0", "seed=0,1"], ["hydra.launcher.jobs=0"]),
        (["-m", "hydra/launcher=local", "hydra.launcher.threads=x", "seed=0,1"], ["hydra.launcher.threads=x"]),
        (["-m", "hydra/launcher=local,basic", "seed=0,1"], ["hydra/launcher=local,basic", "one value"]),
        (["-m", "hydra.sweep.dir=a,b", "seed=0,1"], ["hydra.sweep.dir=a,b", "one value"]),
        (["-m", "hydra.sweep.subdir=x", "seed=0,1"], ["hydra.sweep.subdir=x", "leave it out"]),
        (["-m", "hydra.sweeper.max_batch_size=x", "seed=0,1"], ["hydra.sweeper.max_batch_size=x: value 'x'"]),
        (["-m", "experiment=glob(q*)"], ["experiment=glob(q*)", "name at least one"]),
        (["-m", "loss=ntxent,supcon", "loss.temperature=0.1"], ["loss.temperature=0.1", "++loss.temperature=0.1"]),
        (["-m", "loss=ntxent,supcon", "++loss.temprature=0.1"], ["did you mean loss.temperature?"]),
        (["-r", "-m", "seed=0,1"], ["--run and --multirun"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_refused_in_one_line(arguments, named):
    summary = refusal(arguments)
    for part in named:
        assert part in summary


@pytest.mark.parametrize(
    "key", ["hydra/sweeper=optuna", "hydra/launcher=submitit_slurm", "hydra/launcher=submitit_local"]
)
def test_a_plugin_that_is_not_installed_is_named_with_its_extra(key, monkeypatch):
    monkeypatch.setattr(plugins, "installed", lambda module: False)
    extra = "sweep" if "optuna" in key else "slurm"
    assert f"pip install -e '.[{extra}]'" in refusal(["-m", key, "seed=0,1"])


def test_an_experiment_that_needs_what_is_not_installed(monkeypatch):
    monkeypatch.setattr(plugins, "installed", lambda module: False)
    assert "pip install -e '.[sweep]'" in refusal(["experiment=margin_sweep"])


def test_a_key_that_all_swept_losses_have_is_taken():
    arguments = ["-m", "loss=ntxent,supcon", "++loss.temperature=0.1"]
    assert preflight(arguments) == arguments


def test_flags_may_stand_anywhere():
    assert preflight(["trainer=cpu", "-m", "seed=0,1"]) == ["-m", "trainer=cpu", "seed=0,1"]


class TestSearchSpaces:
    @pytest.fixture(autouse=True)
    def _optuna(self):
        pytest.importorskip("optuna")

    def test_presets_pass(self):
        assert preflight(["-m", "hydra/sweeper=optuna"]) == ["-m", "hydra/sweeper=optuna"]
        assert preflight(["experiment=margin_sweep"]) == ["experiment=margin_sweep"]

    @pytest.mark.parametrize("space", ["interval(30,85)", "interval(-3,50)", "choice(30,99)", "range(60,90,10)"])
    def test_a_bound_that_the_loss_refuses(self, space):
        assert "loss.margin=" in refusal(["experiment=margin_sweep", f"loss.margin={space}"])

    def test_a_bound_that_one_of_the_losses_refuses(self):
        arguments = ["-m", "hydra/sweeper=optuna_base", "loss=choice(angular,cosface)", SPACE]
        assert "loss=cosface" in refusal(arguments)

    def test_a_space_of_the_preset_that_the_command_line_breaks(self):
        assert "loss.margin=20" in refusal(["-m", "hydra/sweeper=optuna", "loss=triplet"])

    @pytest.mark.parametrize("wrong", ["_target_=optuna.pruners.Nosuch", "n_warmup_steps=-1"])
    def test_a_pruner_that_cannot_be_built(self, wrong):
        summary = refusal(["experiment=margin_sweep", f"hydra.sweeper.pruner.{wrong}"])
        assert "hydra.sweeper.pruner._target_=" in summary

    def test_a_study_that_is_gone_is_not_begun_again_over_its_jobs(self, tmp_path):
        Plan((SPACE,), ("hydra/sweeper=optuna_base",), ("loss.margin",), None).write(tmp_path)
        (tmp_path / "study.db").touch()
        preflight([f"resume_sweep={tmp_path}"])
        (tmp_path / "0").mkdir()
        assert "study.db" in refusal([f"resume_sweep={tmp_path}"])

    def test_a_search_never_reads_test_metrics(self):
        assert "val/" in refusal(["-m", "hydra/sweeper=optuna", "monitor=test/ndcg@10"])


def test_corners_hold_every_pair_of_a_large_space():
    overrides = [f"k{i}=choice(a,b,c,d)" for i in range(8)]
    found = list(covering_jobs(overrides))
    assert len(found) < 4**8
    for one, other in ((0, 7), (3, 4)):
        assert {(job[one], job[other]) for job in found} == {
            (f"k{one}={a}", f"k{other}={b}") for a in "abcd" for b in "abcd"
        }
    assert list(covering_jobs(["a=1,2", "b=interval(0,1)"])) == expand(["a=1,2", "b=0.0,1.0"])


def test_values_put_in_equal_values_composed():
    composer = Composer(["loss.margin", "optimizer.lr"])
    for margin in (36, 50, 36):
        job = ["loss.margin=" + str(margin), "model=vit", "optimizer.lr=1e-3", "+experiment=head"][:3]
        assert composer.job(job) == compose_plain(job)
    with pytest.raises(InputError, match=r"loss\.swap"):
        Composer(["loss.swap"]).job(["loss.swap=true"])


class TestTables:
    @pytest.fixture
    def posters(self, tmp_path):
        return draw_posters(tmp_path / "p", 12)

    def sweep(self, table, posters):
        return ["-m", "data=posters", f"data.catalogue={table}", f"data.images={posters / 'posters'}", "seed=0,1"]

    def test_a_good_one_passes(self, posters):
        arguments = self.sweep(posters / "catalogue.csv", posters)
        assert preflight(arguments) == arguments

    @pytest.mark.parametrize(
        ("content", "named"),
        [("img,titles\na.jpg,x\n", "genres"), ("", "table.csv"), ("img,genres\nnone.jpg,Drama\n", "none.jpg")],
    )
    def test_a_bad_one_is_reported_before_any_job(self, posters, content, named):
        table = posters / "table.csv"
        table.write_text(content)
        assert named in refusal(self.sweep(table, posters))

    def test_one_bad_row_stops_a_sweep_unless_it_may_be_skipped(self, posters):
        table = posters / "catalogue.csv"
        table.write_text(table.read_text() + "gone.jpg,Drama,Gone,1990\n")
        assert "gone.jpg" in refusal(self.sweep(table, posters))
        preflight([*self.sweep(table, posters), "data.on_bad_poster=skip"])


class TestResuming:
    @pytest.fixture
    def folder(self, tmp_path):
        Plan(("loss.margin=36,45", "trainer=cpu"), ("hydra.sweep.dir=here",), ("loss.margin",), None).write(tmp_path)
        return tmp_path

    def test_the_folder_alone_is_enough(self, folder):
        assert preflight([f"resume_sweep={folder}"]) == [
            "--multirun",
            "loss.margin=36,45",
            "trainer=cpu",
            f"hydra.sweep.dir='{folder}'",
        ]

    def test_the_same_line_again_and_other_places_to_run(self, folder):
        line = ["-m", "loss.margin=36,45", "trainer=auto", "hydra/launcher=local", f"resume_sweep={folder}"]
        summary = preflight(line)
        assert summary == [
            "-m",
            "loss.margin=36,45",
            "trainer=auto",
            "hydra/launcher=local",
            f"hydra.sweep.dir='{folder}'",
        ]

    @pytest.mark.parametrize("other", ["loss.margin=36,50", "seed=3"])
    def test_another_sweep_is_refused(self, folder, other):
        summary = refusal(["-m", other, f"resume_sweep={folder}"])
        assert other.split("=")[0] in summary
        assert "start a new sweep" in summary

    @pytest.mark.parametrize("other", ["trainer.devices=1", "trainer=cpu,auto", "trainer.gradient_clip_val=5"])
    def test_what_numbers_the_jobs_or_bears_on_learning_is_not_free(self, other, tmp_path):
        Plan(("trainer.devices=1,2", "loss.margin=36,45"), (), ("trainer.devices", "loss.margin"), None).write(tmp_path)
        assert f"{other.split('=')[0]} was " in refusal([other, f"resume_sweep={tmp_path}"])

    def test_another_launcher_or_logger_is_asked_nothing_of_the_earlier_ones(self, tmp_path):
        slurm = ("hydra/launcher=slurm", "hydra.launcher.partition=debug")
        Plan(("seed=0,1", "logger=wandb", "logger.project=x"), slurm, ("seed",), None).write(tmp_path)
        summary = preflight([f"resume_sweep={tmp_path}", "hydra.launcher.jobs=1", "hydra/launcher=local", "logger=csv"])
        assert set(summary[1:]) == {
            "seed=0,1",
            "hydra/launcher=local",
            "hydra.launcher.jobs=1",
            "logger=csv",
            f"hydra.sweep.dir='{tmp_path}'",
        }

    def test_a_sweep_that_still_runs_is_not_begun_a_second_time(self, folder):
        acquire(folder, TASK)
        try:
            summary = refusal([f"resume_sweep={folder}"])
        finally:
            release(folder)
        assert (
            f"resume_sweep={folder}: process {os.getpid()} on {socket.gethostname()} runs this sweep; wait" in summary
        )
        preflight([f"resume_sweep={folder}"])

    def test_a_killed_sweeps_claim_ends_with_it(self, folder):
        folder.with_name(f".{folder.name}.running").write_text("1")
        preflight([f"resume_sweep={folder}"])

    @pytest.mark.parametrize(("state", "alive"), [("PENDING|Priority", True), ("COMPLETED|None", False)])
    def test_jobs_that_slurm_still_has_are_not_submitted_a_second_time(self, state, alive, folder, monkeypatch):
        (folder / ".submitit" / "12_0").mkdir(parents=True)
        (folder / "bin").mkdir()
        (folder / "bin" / "squeue").write_text(f"#!/bin/sh\necho '12_0|{state}'\n")
        (folder / "bin" / "squeue").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder / 'bin'}:/bin:/usr/bin")
        if alive:
            summary = refusal([f"resume_sweep={folder}"])
            assert "SLURM job 12 of the sweep is PENDING; wait for its end, or end it with scancel 12" in summary
        else:
            preflight([f"resume_sweep={folder}"])

    def test_a_new_sweep_does_not_land_in_an_old_ones_folder(self, folder):
        assert "resume_sweep=" in refusal(["-m", "seed=0,1", f"hydra.sweep.dir={folder}"])

    def test_a_plan_is_read_back_as_it_was_written(self, folder):
        plan = Plan(("a=1,2", "b='x, y'"), (), ("a",), (("a=1", "b='x, y'"), ("a=2", "b='x, y'")))
        plan.write(folder)
        assert Plan.read(folder) == plan
        assert yaml.safe_load((folder / "sweep.yaml").read_text())["keys"] == ["a"]
