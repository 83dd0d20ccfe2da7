"""A whole run: trained, evaluated, read back, killed and resumed."""

import json
import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from keyart.utils.checkpoint_files import read_checkpoint
from tests.end_to_end.conftest import SMALL, kill_from_step, start_train
from tests.helpers import draw_posters

FILES = (
    ".hydra/config.yaml",
    "config.yaml",
    "environment.json",
    "splits.csv",
    "checkpoints/last.ckpt",
    "checkpoints/best.ckpt",
    "index/index.json",
    "metrics.json",
    "metrics.csv",
    "per_query.parquet",
    "skipped.csv",
    "train.log",
)


@pytest.fixture(scope="module")
def posters(tmp_path_factory):
    return draw_posters(tmp_path_factory.mktemp("posters"), 320)


def on(posters):
    return [*SMALL, f"data.catalogue={posters / 'catalogue.csv'}", f"data.images={posters / 'posters'}"]


@pytest.fixture(scope="module")
def arguments(tmp_path_factory):
    return on(draw_posters(tmp_path_factory.mktemp("few"), 96))


def test_a_run_leaves_its_folder_and_beats_the_frozen_backbone(posters, train_here):
    more = ["training.head_epochs=25", "training.finetune_epochs=0", "callbacks.report=false"]
    code, out, _ = train_here(*on(posters), *more)
    assert code == 0
    from keyart.runs.evaluate import evaluate_run
    from keyart.runs.run import Run

    run = Run.open(out.splitlines()[-1])
    assert out == f"{run.folder}\n"
    for name in FILES:
        assert (run.folder / name).is_file(), name
    metrics = run.metrics
    assert metrics["test/ndcg@10"] > metrics["test/ndcg@10/frozen"] > metrics["test/ndcg@10/chance"]
    assert metrics["test/ndcg@10/lift"] > 1
    splits = run.splits
    sizes = splits.value_counts()
    assert sizes.sum() == 320
    assert abs(sizes["test"] - 64) <= 2
    assert abs(sizes["val"] - 32) <= 2
    per_query = pd.read_parquet(run.folder / "per_query.parquet")
    test = per_query[per_query["split"] == "test"]
    assert len(test) == sizes["test"]
    assert test["ndcg@10"].mean() == pytest.approx(metrics["test/ndcg@10"])
    again = evaluate_run(run).metrics
    assert again["test/ndcg@10"] == pytest.approx(metrics["test/ndcg@10"], abs=1e-6)
    unseen = draw_posters(posters.parent / "unseen", 60, seed=9)
    evaluated = evaluate_run(run, unseen / "catalogue.csv", unseen / "posters").metrics
    assert evaluated["eval/queries"] == 60
    assert evaluated["eval/ndcg@10"] > evaluated["eval/ndcg@10/chance"]


def test_fine_tuning_moves_the_backbone_and_keeps_the_frozen_one(posters, train_here):
    more = ["training.head_epochs=2", "training.finetune_epochs=1", "optimizer.lr=0.01", "callbacks.report=false"]
    code, out, _ = train_here(*on(posters), *more)
    assert code == 0
    from keyart.models.embedder import load_frozen
    from keyart.runs.evaluate import evaluate_run
    from keyart.runs.run import Run

    run = Run.open(out.splitlines()[-1])
    log = pd.read_csv(run.folder / "metrics.csv")
    assert log["step"].is_monotonic_increasing
    assert log["val/ndcg@10"].notna().sum() == 3
    state = read_checkpoint(run.folder / "checkpoints" / "last.ckpt")
    assert state["keyart"]["phase"] == "finetune"
    assert state["keyart"]["backbone_trained"]
    weights = {key: value for key, value in state["state_dict"].items() if key.startswith("embedder.backbone.")}
    frozen = load_frozen(run.folder / "embedder").state_dict()
    moved = [key for key, value in weights.items() if not torch.equal(value, frozen[key.split(".", 2)[2]])]
    assert moved
    assert not any("running_" in key for key in moved)
    evaluated = evaluate_run(run).metrics
    assert evaluated["test/ndcg@10/frozen"] == pytest.approx(run.metrics["test/ndcg@10/frozen"], abs=1e-6)


@pytest.mark.slow
def test_killed_moved_and_resumed_equals_undisturbed(posters, tmp_path, train_here):
    def finished(*arguments):
        code, out, err = train_here(*arguments)
        assert code == 0, err
        return out.splitlines()[-1]

    arguments = on(posters)
    more = ["training.head_epochs=30", "callbacks.checkpoint.every_n_steps=5", "callbacks.report=false", "name=kill"]
    one = finished(*arguments, *more)
    victim = start_train(tmp_path, *arguments, *more, "hydra.run.dir=victim")
    kill_from_step(victim, tmp_path / "victim", 7)
    (tmp_path / "victim").rename(tmp_path / "moved")
    code, _, err = train_here("resume=moved", "loss.margin=40")
    assert code == 2
    assert "loss.margin was 36 and is 40" in err
    other = finished("resume=moved")
    assert other == str(tmp_path / "moved")
    metrics = [json.loads((folder / "metrics.json").read_text()) for folder in (tmp_path / one, tmp_path / other)]
    assert metrics[0] == metrics[1]
    for name in ("last", "best"):
        states = [read_checkpoint(tmp_path / run / "checkpoints" / f"{name}.ckpt") for run in (one, other)]
        assert states[0]["global_step"] == states[1]["global_step"]
        for key, value in states[0]["state_dict"].items():
            assert torch.equal(value, states[1]["state_dict"][key]), key
    logs = [pd.read_csv(folder / "metrics.csv") for folder in (tmp_path / one, tmp_path / other)]
    assert list(logs[0]["step"]) == list(logs[1]["step"])
    for name in ("train/loss", "val/ndcg@10"):
        np.testing.assert_array_equal(logs[0][name].dropna(), logs[1][name].dropna())


def test_a_payload_in_anothers_run_is_refused_by_resume_and_by_evaluate(arguments, train_here, keyart):
    code, out, _ = train_here(*arguments, "loss=bce", "training.head_epochs=1", "callbacks.report=false", "name=a")
    assert code == 0
    folder, canary = Path(out.strip()), train_here.folder / "canary"

    class Payload:
        def __reduce__(self):
            return Path.touch, (canary,)

    for name in ("best", "last"):
        path = folder / "checkpoints" / f"{name}.ckpt"
        torch.save({**read_checkpoint(path), "extra": Payload()}, path)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.name != ".hydra"}
    code, out, err = train_here(f"resume={folder}")
    assert (code, out) == (2, "")
    (line,) = [line for line in err.splitlines() if line.startswith("train.py: ")]
    assert "last.ckpt: holds more than tensors and plain values" in line
    code, out, err = keyart("evaluate", folder, "--baselines", "--json")
    assert (code, out) == (2, "")
    assert "best.ckpt: holds more than tensors and plain values" in err.splitlines()[-1]
    assert not canary.exists()
    unchanged = [p for p in before if p.is_file() and ".hydra" not in p.parts and p.name != "train.log"]
    assert all(path.stat().st_mtime_ns == before[path] for path in unchanged)


@pytest.mark.parametrize("umask", [0o022, 0o007])
def test_files_follow_the_umask(umask, arguments, train_here, keyart):
    before = os.umask(umask)
    try:
        tiny = ["model.backbone=test_resnet", "model.weights=none", "name=a"]
        code, out, _ = train_here(*arguments, *tiny, "training.head_epochs=1", "training.finetune_epochs=1")
        assert code == 0
        folder, exported = Path(out.strip()), train_here.folder / "exported"
        # Tracing the graph takes most of the time: once is enough.
        for target in ("timm", "onnx") if find_spec("onnxscript") and umask == 0o007 else ("timm",):
            assert keyart("export", folder, "--to", target, "--out", exported)[0] == 0
    finally:
        os.umask(before)
    paths = [path for root in (folder, exported) for path in (root, *root.rglob("*"))]
    wrong = {
        path.name: oct(mode)
        for path in paths
        if (mode := path.stat().st_mode & 0o777) != (0o777 if path.is_dir() else 0o666) & ~umask
    }
    assert not wrong
    assert {"embedder", "checkpoints", "model.safetensors", "head.safetensors"} <= {path.name for path in paths}


def test_several_loggers_get_the_whole_run(arguments, train_here):
    pytest.importorskip("wandb")
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    code, out, err = train_here(
        *arguments, "training.head_epochs=2", "logger=[tensorboard,wandb]", "logger.wandb.mode=offline"
    )
    assert code == 0, err
    folder = Path(out.strip())
    assert len(list((folder / "wandb").glob("offline-run-*"))) == 1
    assert pd.read_csv(folder / "metrics.csv")["val/ndcg@10"].notna().sum() == 2
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    assert len(events.Scalars("val/ndcg@10")) == 2
    metrics = json.loads((folder / "metrics.json").read_text())
    (test,) = events.Scalars("test/ndcg@10")
    assert test.value == pytest.approx(metrics["test/ndcg@10"], abs=1e-6)
    assert test.step == events.Scalars("val/ndcg@10")[-1].step
    assert "pictures/gallery" in events.Tags()["images"]


@pytest.mark.parametrize("argument", ["+trainer.fast_dev_run=true", "trainer.limit_train_batches=1"])
def test_any_argument_of_the_trainer_is_handed_over(argument, arguments, train_here):
    code, out, err = train_here(*arguments, "training.head_epochs=2", "callbacks.report=false", argument)
    assert code == 0, err
    folder = Path(out.strip())
    assert (folder / "metrics.json").is_file()
    log = folder / "metrics.csv"
    steps = pd.read_csv(log)["step"].max() if log.is_file() else 0
    assert steps == (1 if "limit" in argument else 0)


@pytest.mark.parametrize(
    "argument", ["~memory", "model.kernel=null", "logger=null", "~miner", "callbacks.early_stopping=null"]
)
def test_what_is_taken_away_trains_without_it(argument, arguments, train_here):
    code, out, err = train_here(*arguments, "training.head_epochs=1", "callbacks.report=false", argument)
    assert code == 0, err
    assert (Path(out.strip()) / "metrics.json").is_file()


def test_a_failing_job_does_not_stop_a_sweep(arguments, train_here):
    fast = ["training.head_epochs=1", "callbacks.report=false"]
    code, _, err = train_here("-m", *arguments, *fast, "model.backbone=nosuch_net,tf_efficientnet_lite0.in1k")
    assert code == 1
    assert "nosuch_net" in err
    (sweep,) = (train_here.folder / "multirun").iterdir()
    assert not (sweep / "0" / "metrics.json").exists()
    assert (sweep / "1" / "metrics.json").exists()


def test_a_sweep_reports_its_folder_last(arguments, train_here):
    fast = ["training.head_epochs=1", "callbacks.report=false"]
    code, out, err = train_here("-m", *arguments, *fast, "loss.margin=40,45")
    assert code == 0, err
    (sweep,) = (train_here.folder / "multirun").iterdir()
    assert out.splitlines()[-1] == str(sweep)
    assert (sweep / "1" / "metrics.json").exists()


@pytest.mark.parametrize(
    ("kind", "message"), [("simple", "run_training_epoch"), ("advanced", "cumtime"), ("pytorch", "aten::")]
)
def test_a_profile_goes_into_the_runs_folder(kind, message, arguments, train_here):
    code, out, err = train_here(
        *arguments, "training.head_epochs=1", "callbacks.report=false", f"trainer.profiler={kind}"
    )
    assert code == 0, err
    assert len(out.splitlines()) == 1, out
    assert "Profiler Report" not in err
    profile = train_here.folder / out.strip() / "profile" / f"fit-{kind}.txt"
    assert message in profile.read_text()


def test_losses_of_pytorch_metric_learning_train(arguments, train_here):
    pytest.importorskip("pytorch_metric_learning")
    arguments = [argument for argument in arguments if not argument.startswith("model.hidden_size")]
    chosen = ["experiment=head", "loss=pml", "loss.class=TripletMarginLoss", "loss.margin=0.1"]
    more = ["miner=pml", "miner.class=BatchHardMiner", "memory.size=64", "training.head_epochs=2"]
    more += ["callbacks.report=false"]
    code, out, err = train_here(*arguments, *chosen, *more)
    assert code == 0, err
    folder = Path(out.splitlines()[-1])
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["test/ndcg@10"] > metrics["test/ndcg@10/chance"]
    assert "class: TripletMarginLoss" in (folder / "config.yaml").read_text()
    code, out, err = train_here("loss=pml", "loss.class=AngularLoss", *arguments)
    assert (code, out) == (2, "")
    assert "loss.class=AngularLoss: cannot be used: it compares class labels itself" in err
