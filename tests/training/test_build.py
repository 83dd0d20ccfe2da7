"""`build` turns a configuration into typed values, before any poster is read."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest
from omegaconf import DictConfig, ListConfig, OmegaConf

from keyart.config.compose import compose_all, compose_plain
from keyart.config.shorthand import options_of
from keyart.errors import InputError
from keyart.training.build import build
from keyart.training.experiment import DataSettings, Experiment
from keyart.training.prepare import prepare_posters
from tests.helpers import draw_posters


def of_omegaconf(value):
    """Return whether a value is, or contains, a node of OmegaConf."""
    if is_dataclass(value):
        return any(of_omegaconf(getattr(value, field.name)) for field in fields(value) if field.name != "loggers")
    if isinstance(value, Mapping) and not isinstance(value, DictConfig):
        return any(map(of_omegaconf, value.values()))
    return isinstance(value, DictConfig | ListConfig)


@pytest.mark.parametrize(
    "chosen",
    [
        [],
        ["loss=sum", "sampler=pk", "model.pooling=multiscale", "model.multiscale_size=[64,48]"],
        ["debug=limit"],
        *([f"experiment={name}"] for name in options_of("experiment")),
    ],
    ids=" ".join,
)
def test_every_experiment_is_built_of_typed_values(chosen):
    config = compose_plain(chosen)
    own = compose_all(chosen)[0]
    experiment = build(OmegaConf.masked_copy(own, [key for key in own if key != "hydra"]))
    assert isinstance(experiment, Experiment)
    assert not of_omegaconf(experiment)
    assert experiment.config == config
    assert experiment.schedule.head_epochs == config["training"]["head_epochs"]
    assert experiment.optimizer.lr == config["optimizer"]["lr"]
    assert experiment.loss.name == config["loss"]["name"]
    assert experiment.model.head_arguments.items() <= config["model"].items()


def test_nothing_below_build_sees_a_configuration():
    from keyart import training

    names = {"train.py", "build.py"}
    files = [path for path in Path(training.__path__[0]).rglob("*.py") if path.name not in names]
    assert len(files) > 15
    assert not [path.name for path in files if "DictConfig" in path.read_text() or "cfg" in path.read_text()]


def test_a_genre_to_monitor_is_looked_up_before_any_poster_is_decoded(tmp_path, monkeypatch):
    draw_posters(tmp_path, 12)
    monkeypatch.setattr("keyart.training.prepare.load_posters", None)  # would fail if it were called
    data = DataSettings(tmp_path / "catalogue.csv", tmp_path / "posters")
    with pytest.raises(InputError, match=r"monitor=.* has no genre Dramma; choose one of Action"):
        prepare_posters(data, "val/precision@10/genre/Dramma")
