"""Configurations with which a run may be resumed."""

import json

import pytest
import yaml

from keyart.config.compose import compose_plain
from keyart.errors import InputError
from keyart.training.resume import check_same_config, check_same_dataset

CONFIG = {"seed": 0, "resume": None, "loss": {"margin": 45}, "trainer": {"devices": 1, "gradient_clip_val": 1.0}}
DATASET = {"fingerprint": "a", "pixels": "b", "catalogue": "posters.csv"}


def check_resumed(folder, config, dataset):
    check_same_config(folder, config)
    check_same_dataset(folder, dataset)


@pytest.fixture
def run(tmp_path):
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    (tmp_path / "environment.json").write_text(json.dumps({"dataset": DATASET}))
    return tmp_path


def test_the_same_and_other_hardware_may_continue(run):
    check_resumed(run, CONFIG, DATASET)
    check_resumed(run, {**CONFIG, "resume": str(run), "trainer": {"devices": 2, "gradient_clip_val": 1.0}}, DATASET)


def test_the_record_of_version_0_1_is_read(run):
    """It has no ``_target_`` of the optimizer, and the keys of every head and every loss."""
    now = compose_plain(["experiment=plain", "loss=sum"])
    before = compose_plain(["experiment=plain", "loss=sum"])
    for group in ("optimizer", "scheduler"):
        before[group] = {key: value for key, value in now[group].items() if not key.startswith("_")}
    before["model"] |= {"heads": 4, "kernel": {"weight": 0.0}}
    before["loss"]["weights"]["supcon"] = 0.0
    before["loss"]["terms"]["supcon"] = {"name": "supcon"}
    (run / "config.yaml").write_text(yaml.safe_dump(before))
    check_same_config(run, now)
    for key, changed in {
        "optimizer": {**now["optimizer"], "_target_": "torch.optim.SGD"},
        "scheduler": {**now["scheduler"], "_target_": "keyart.training.schedule.one_cycle"},
        "model": {**now["model"], "head": "linear"},
        "loss": {**now["loss"], "weights": {**now["loss"]["weights"], "angular": 2.0}},
    }.items():
        with pytest.raises(InputError, match=f": {key}\\."):
            check_same_config(run, {**now, key: changed})


@pytest.mark.parametrize(
    ("config", "dataset", "named"),
    [
        ({**CONFIG, "loss": {"margin": 40}}, DATASET, "loss.margin was 45 and is 40"),
        ({**CONFIG, "seed": 1}, DATASET, "seed"),
        ({**CONFIG, "memory": {"size": 64}}, DATASET, "memory.size"),
        ({**CONFIG, "trainer": {"devices": 1, "gradient_clip_val": 5.0}}, DATASET, "trainer.gradient_clip_val"),
        (CONFIG, {**DATASET, "fingerprint": "c"}, "posters.csv"),
        (CONFIG, {**DATASET, "pixels": "c"}, "posters.csv"),
        (CONFIG, {**DATASET, "teacher": "c"}, "training.teacher"),
    ],
)
def test_another_run_may_not(run, config, dataset, named):
    with pytest.raises(InputError, match=named):
        check_resumed(run, config, dataset)
