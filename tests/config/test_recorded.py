"""Tests of recorded overrides: they are applied only if they neither run code nor choose a server."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from keyart.config import preflight
from keyart.config.recorded import known_targets
from keyart.errors import InputError
from keyart.runs.sweep.state import Plan

ROOT = Path(__file__).resolve().parents[2]


def payloads(canary):
    touch = f"exec:touch {canary}"
    return {
        "loss.build._target_": f"loss.build={{_target_:pandas.read_pickle,filepath_or_buffer:{canary}.pkl}}",
        "a class": "loss.build._target_=pandas.read_pickle",
        "a module behind a known one": "loss.build._target_=keyart.launch.run_job.shutil.rmtree",
        "another class of ours": "loss.build._target_=keyart.launch.run_job.remove_run",
        "swept": "loss.build._target_=choice(os.system,os.remove)",
        "nested": "model.kernel={weight:{_target_:os.system,command:x}}",
        "arguments": "+sampler.build._args_=[1]",
        "callback": f"+hydra.callbacks.x={{_target_:pathlib.Path.touch,self:{canary}}}",
        "callback by key": "+hydra.callbacks.x._target_=os.getcwd",
        "whole of Hydra": "++hydra={callbacks:{x:1}}",
        "logging": "hydra.job_logging.formatters.simple={}",
        "another part of Hydra": "hydra/job_logging=default",
        "search path": f"hydra.searchpath=[file://{canary.parent}]",
        "shell": f"+hydra.launcher.setup=['touch {canary}']",
        "shell by an argument": "hydra.launcher.additional_parameters={wrap: x}",
        "shell by a line break": f"hydra.launcher.partition='a\n{touch}'",
        "launcher by path": "hydra/launcher=../../evil",
        "option by path": f"experiment=/../../..{canary.parent}/evil",
        "option elsewhere": "+loss@hydra.callbacks=angular",
        "deletion": "~loss",
        "new key": "+canary=1",
        "new key within": "++model={canary:1}",
        "environment": "logger.project=${oc.env:HOME}",
        "decoded": "loss.build=${oc.decode:'{}'}",
        "server": "logger.tracking_uri=http://evil.example",
        "module": "logger.needs=evil.module",
        "server of one of several": "logger.mlflow.tracking_uri=http://evil.example",
        "module of one of several": "logger.wandb.needs=evil.module",
        "metric": "evaluation.metrics=[map,os.getcwd]",
        "metric in quotes": "++evaluation.metrics=['os.getcwd']",
        "metric of a sweep": "evaluation.metrics=choice([map],[os.getcwd])",
        "logger by path": "logger=[csv,../../evil]",
        "argument of Lightning's": "++trainer.nosuch=1",
        "study": "hydra.sweeper.storage=sqlite:////tmp/other.db",
    }


NAMES = list(payloads(Path("/x/canary")))


def run_with(folder, overrides):
    for part in (".hydra", "checkpoints"):
        (folder / part).mkdir(parents=True)
    (folder / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(overrides))
    (folder / "checkpoints" / "last.ckpt").touch()
    return folder


def refusal(arguments):
    with pytest.raises(InputError) as caught:
        preflight(arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_a_runs_folder_cannot_choose_what_runs(name, tmp_path):
    override = payloads(tmp_path / "canary")[name]
    run = run_with(tmp_path / "run", ["seed=1", override])
    summary = refusal([f"resume={run}"])
    assert summary.startswith(f"resume={run}: {run / '.hydra' / 'overrides.yaml'} sets ")
    assert override.partition("=")[0].lstrip("+~") in summary
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("place", ["plan", "hydra", "job"])
def test_a_sweeps_folder_cannot_either(place, name, tmp_path):
    override = payloads(tmp_path / "canary")[name]
    sweep = tmp_path / "sweep"
    if place == "hydra":
        sweep.mkdir()
        given = {"overrides": {"task": ["seed=0,1"], "hydra": [override]}}
        (sweep / "multirun.yaml").write_text(yaml.safe_dump({"hydra": given}))
    else:
        overrides = ("seed=0,1", override) if place == "plan" else ("seed=0,1",)
        Plan(overrides, (), ("seed",), None).write(sweep)
    if place == "job":
        run_with(sweep / "0", ["seed=0", override])
    file = {"plan": "sweep.yaml", "hydra": "multirun.yaml", "job": "0/.hydra/overrides.yaml"}[place]
    summary = refusal([f"resume_sweep={sweep}"])
    assert summary.startswith(f"resume_sweep={sweep}: {sweep / file} sets ")
    assert not (tmp_path / "canary").exists()


def test_what_people_record_every_day_is_taken(tmp_path):
    own = [
        "experiment=head",
        "loss=ntxent",
        "++loss.temperature=0.1",
        "loss.build._target_=keyart.losses.ntxent.NTXentLoss",
        "name=it",
        "logger=wandb",
        "logger.tags=[a,b]",
        "logger.wandb.tags=[a,b]",
        "++trainer.limit_train_batches=3",
        "data.image_size=[96,64]",
        "evaluation.metrics=[ndcg@10,map@r,precision@10/genre]",
        "logger.project=${name}",
        "model.kernel={weight:3,size:64}",
    ]
    run = run_with(tmp_path / "run", own)
    from keyart.config.recorded import check_recorded

    assert check_recorded(own, run, "resume=x") == own
    assert check_recorded(["logger=[csv,wandb]"], run, "resume=x") == ["logger=[csv,wandb]"]
    slurm = ["hydra/launcher=slurm", "hydra.launcher.partition=debug", "hydra.launcher.mem_gb=4", "hydra.mode=MULTIRUN"]
    search = ["hydra/sweeper=optuna_base", "hydra.sweeper.n_trials=3", "hydra.sweeper.sampler.seed=1"]
    swept = ["loss=ntxent,supcon", "++loss.temperature=choice(0.1,0.2)", "experiment=glob(*)"]
    assert check_recorded([*slurm, *search, *swept], run, "x") == [*slurm, *search, *swept]


def test_what_the_user_names_again_is_the_users(tmp_path, monkeypatch):
    monkeypatch.setattr("keyart.config.rules.find_spec", lambda name: name)
    override = "logger.tracking_uri=http://mine.example"
    run = run_with(tmp_path / "run", ["logger=mlflow", override])
    assert "which only a command line may name" in refusal([f"resume={run}"])
    for form in ("logger.tracking_uri", "logger.mlflow.tracking_uri"):
        other = "http://other.example"
        assert f"logger.mlflow.tracking_uri={other}" in preflight([f"resume={run}", f"{form}={other}"])
    assert preflight(["loss.build._target_=os.getcwd"]) == ["loss.build._target_=os.getcwd"]


@pytest.mark.parametrize("content", ["{a: 1}", "[", "- {a: 1}", "- [x]"])
def test_a_record_that_is_none_is_reported(content, tmp_path):
    run = run_with(tmp_path / "run", [])
    (run / ".hydra" / "overrides.yaml").write_text(content)
    assert str(run / ".hydra" / "overrides.yaml") in refusal([f"resume={run}"])


def test_every_class_of_the_configuration_is_known():
    assert {"keyart.losses.angular.AngularLoss", "keyart.training.loggers.mlflow_log.MlflowLog"} <= known_targets()
    assert "os.system" not in known_targets()


@pytest.mark.parametrize("key", ["resume", "resume_sweep"])
def test_a_canary_stays_in_its_cage(key, tmp_path):
    """The command line exits with 2 and one line, and calls nothing."""
    canary = tmp_path / "canary"
    override = f"+hydra.callbacks.x={{_target_:subprocess.getoutput,cmd:'touch {canary}'}}"
    if key == "resume":
        folder = run_with(tmp_path / "f", [override])
    else:
        Plan(("seed=0,1",), (override,), ("seed",), None).write(folder := tmp_path / "f")
    done = subprocess.run(
        [sys.executable, str(ROOT / "train.py"), f"{key}={folder}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"train.py: {key}={folder}: ")
    assert "hydra.callbacks.x" in done.stderr
    assert not canary.exists()
