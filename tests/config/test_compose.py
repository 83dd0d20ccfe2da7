"""Tests of conf/: every YAML file composes, resolves and passes the rules; every `_target_` can be imported."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from keyart.config.preflight import CONFIG_FOLDER, compose_plain
from keyart.config.rules import check_config
from keyart.errors import InputError

OPTIONS = sorted(
    (path.parent.relative_to(CONFIG_FOLDER).as_posix(), path.stem)
    for path in CONFIG_FOLDER.rglob("*.yaml")
    if path.parent != CONFIG_FOLDER
)


def needs_plugin(group, option):
    """Skip the test if the option extends one of a plugin that is not installed."""
    if (group, option.partition("_")[0]) == ("hydra/launcher", "slurm"):
        pytest.importorskip("hydra_plugins.hydra_submitit_launcher")


@pytest.mark.parametrize(("group", "option"), OPTIONS, ids=lambda v: str(v))
def test_every_option_composes_and_passes_the_rules(group, option, poster_folder):
    needs_plugin(group, option)
    extra = [f"data.catalogue={poster_folder / 'catalogue.csv'}"] if (group, option) == ("data", "posters") else []
    if option == "distill":
        extra = ["training.teacher=null"]
    if group.startswith("hydra/sweeper/"):
        extra = ["hydra/sweeper=optuna_base"]
    if option == "pml":
        # The user must choose the class.
        with pytest.raises(InputError, match=rf"{group}\.class=null: takes one of|pip install"):
            check_config(compose_plain([f"{group}=pml"]))
        pytest.importorskip("pytorch_metric_learning")
        extra = [f"{group}.class={'CircleLoss' if group == 'loss' else 'HDCMiner'}"]
    config = compose_plain([f"{group}={option}", *extra])
    if group == "logger" and config["logger"].get("needs") and find_spec(config["logger"]["needs"]) is None:
        with pytest.raises(InputError, match="pip install"):
            check_config(config)
        return
    check_config(config)


def targets(node):
    if isinstance(node, dict):
        if "_target_" in node:
            yield node["_target_"]
        for value in node.values():
            yield from targets(value)
    elif isinstance(node, list):
        for value in node:
            yield from targets(value)


@pytest.mark.parametrize(("group", "option"), OPTIONS, ids=lambda v: str(v))
def test_every_target_exists(group, option):
    needs_plugin(group, option)
    content = yaml.safe_load((CONFIG_FOLDER / group / f"{option}.yaml").read_text()) or {}
    for target in targets(content):
        module, _, name = target.rpartition(".")
        assert callable(getattr(import_module(module), name))


@pytest.mark.parametrize("path", sorted((CONFIG_FOLDER / "loss").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_loss_states_unit_range_and_source(path):
    loss = yaml.safe_load(path.read_text())
    assert loss["name"] == path.stem
    assert loss["about"]["source"]
    if loss["margin"] is None:
        assert loss["about"]["unit"] is None
    else:
        low, high = loss["about"]["range"]
        assert low <= loss["margin"] <= high
        assert loss["about"]["unit"]


def test_model_files_are_named_after_their_models():
    for path in Path(CONFIG_FOLDER / "model").glob("*.yaml"):
        assert yaml.safe_load(path.read_text())["name"] == path.stem


def test_an_option_of_a_group_that_is_not_there_is_one_line():
    with pytest.raises(InputError, match="hydra/sweeper/pruner") as caught:
        compose_plain(["hydra/sweeper/pruner=median"])
    assert "\n" not in str(caught.value)
