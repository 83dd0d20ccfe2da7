"""Configurations with which a run may be resumed."""

import json

import pytest
import yaml

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


def test_the_same_and_other_hardware_may_go_on(run):
    check_resumed(run, CONFIG, DATASET)
    check_resumed(run, {**CONFIG, "resume": str(run), "trainer": {"devices": 2, "gradient_clip_val": 1.0}}, DATASET)


@pytest.mark.parametrize(
    ("config", "dataset", "named"),
    [
        ({**CONFIG, "loss": {"margin": 40}}, DATASET, "loss.margin was 45 and is 40"),
        ({**CONFIG, "seed": 1}, DATASET, "seed"),
        ({**CONFIG, "memory": {"size": 64}}, DATASET, "memory.size"),
        ({**CONFIG, "trainer": {"devices": 1, "gradient_clip_val": 5.0}}, DATASET, "trainer.gradient_clip_val"),
        (CONFIG, {**DATASET, "fingerprint": "c"}, "posters.csv"),
        (CONFIG, {**DATASET, "pixels": "c"}, "posters.csv"),
    ],
)
def test_another_run_may_not(run, config, dataset, named):
    with pytest.raises(InputError, match=named):
        check_resumed(run, config, dataset)
