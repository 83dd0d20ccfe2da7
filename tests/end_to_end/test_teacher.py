"""A run that learns from another run: recorded, refused where it would mislead, and resumed exactly."""

import json

import pytest
import torch

from keyart.utils.checkpoint_files import read_checkpoint
from keyart.utils.reading import read_yaml
from tests.end_to_end.conftest import SMALL, kill_from_step, start_train
from tests.helpers import draw_posters

STUDENT = [
    *("loss=distillation", "head=linear", "model.embedding_size=4", "model.backbone=test_resnet"),
    *("model.weights=none", "training.head_epochs=2", "training.teacher=teacher", "callbacks.report=false"),
]


@pytest.fixture(scope="module")
def arguments(tmp_path_factory):
    posters = draw_posters(tmp_path_factory.mktemp("posters"), 96)
    small = [one for one in SMALL if not one.startswith("model.")]
    return [*small, f"data.catalogue={posters / 'catalogue.csv'}", f"data.images={posters / 'posters'}"]


@pytest.fixture
def train(train_here, arguments):
    """`train.py` in a folder that holds the finished run ``teacher``."""

    def finished(*more):
        code, out, err = train_here(*more)
        assert code == 0, err
        return train_here.folder / out.splitlines()[-1]

    own = ["model.backbone=test_resnet", "model.weights=none", "training.head_epochs=3", "callbacks.report=false"]
    finished(*arguments, *own, "hydra.run.dir=teacher")
    return finished


def test_a_student_is_refused_where_its_teacher_would_mislead(train, train_here, arguments):
    for more, named in (
        ([STUDENT[0], "data.split_seed=3"], ["training.teacher=teacher", "was trained on", "data.split_seed=0"]),
        (["loss=angular"], ["training.teacher=teacher", "loss=angular", "loss=distillation"]),
    ):
        code, out, err = train_here(*arguments, *more, *STUDENT[1:], "hydra.run.dir=student")
        assert (code, out) == (2, "")
        line = err.splitlines()[-1]
        assert all(part in line for part in named), line
        assert not (train_here.folder / "student").exists()


def test_a_folder_of_runs_is_recorded_as_the_run_that_it_names(train, train_here, arguments):
    (train_here.folder / "runs").mkdir()
    (train_here.folder / "teacher").rename(train_here.folder / "runs" / "2026-01-01_00-00-00_000000")
    run = train(*arguments, *STUDENT, "training.teacher=runs", "training.head_epochs=1")
    assert read_yaml(run / "config.yaml")["training"]["teacher"] == "runs/2026-01-01_00-00-00_000000"


@pytest.mark.slow
def test_killed_while_fine_tuning_and_resumed_equals_undisturbed(train, train_here, arguments):
    folder = train_here.folder
    more = [*STUDENT, "training.finetune_epochs=12", "callbacks.checkpoint.every_n_steps=2", "name=student"]
    one = train(*arguments, *more)
    assert read_checkpoint(one / "checkpoints" / "last.ckpt")["keyart"]["backbone_trained"]
    assert "teacher" in json.loads((one / "environment.json").read_text())["dataset"]
    victim = start_train(folder, *arguments, *more, "hydra.run.dir=victim")
    kill_from_step(victim, folder / "victim", 6)
    (folder / "teacher").rename(folder / "moved")
    code, _, err = train_here("resume=victim", "training.teacher=null")
    assert code == 2
    assert "training.teacher has not the embeddings" in err.splitlines()[-1]
    other = train("resume=victim", "training.teacher=moved")
    metrics = [json.loads((run / "metrics.json").read_text()) for run in (one, other)]
    assert metrics[0] == metrics[1]
    states = [read_checkpoint(run / "checkpoints" / "last.ckpt")["state_dict"] for run in (one, other)]
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())
