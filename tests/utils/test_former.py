"""Former names stay readable: what users type, recorded configurations, embedders and their weights."""

import json

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from keyart.config.compose import compose_plain
from keyart.config.preflight import preflight
from keyart.images.loader import BatchLoader
from keyart.models.backbone_factory import create_backbone
from keyart.models.embedder import Embedder, load_embedder
from keyart.models.heads.build import build_head
from keyart.runs.run import Run
from keyart.runs.sweep.state import Plan, recorded_overrides
from keyart.training.resume import check_same_config
from keyart.utils.former import current_override

FORMER = ["model.pooling=bank", "model.bank_size=[96,64]", "model.seen.balance=0.5"]
PRESENT = ["model.pooling=multiscale", "model.multiscale_size=[96,64]", "model.frozen_features.balance=0.5"]


@pytest.mark.parametrize(("former", "present"), list(zip(FORMER, PRESENT, strict=True)))
def test_a_former_override_is_read_with_a_warning(former, present):
    with pytest.warns(FutureWarning, match=f"{former.partition('=')[0]}.* is deprecated: write "):
        assert current_override(former, warn=True) == present


@pytest.mark.parametrize(
    "override", ["model=convnext", "logger.name=bank", "data.catalogue=/seen/bank.csv", "model.pooling=avg", "seen=1"]
)
def test_other_overrides_are_unchanged(override, recwarn):
    assert current_override(override, warn=True) == override
    assert not recwarn.list


def test_several_values_of_a_sweep_are_translated():
    assert current_override("model.pooling=avg,bank") == "model.pooling=avg,multiscale"


def test_the_command_line_takes_former_names(tmp_path):
    with pytest.warns(FutureWarning, match="experiment=predecessor is deprecated: write experiment=triplet_baseline"):
        found = preflight([*FORMER, "experiment=predecessor", "name=x", f"hydra.run.dir={tmp_path / 'run'}"])
    assert [*PRESENT, "experiment=triplet_baseline"] == found[:4]


@pytest.fixture
def run(tmp_path):
    """A folder with the configuration and overrides that version 0.1 recorded."""
    config = compose_plain(PRESENT)
    model = config["model"]
    model["pooling"], model["bank_size"] = "bank", model.pop("multiscale_size")
    model["seen"] = model.pop("frozen_features")
    (tmp_path / ".hydra").mkdir()
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    (tmp_path / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(FORMER))
    return tmp_path


def test_a_former_run_has_the_present_configuration(run):
    assert Run(run).config == compose_plain(PRESENT)
    assert recorded_overrides(run) == PRESENT


def test_a_former_run_is_resumed_as_it_was(run):
    check_same_config(run, compose_plain(PRESENT))


def test_a_former_sweep_has_present_keys(tmp_path):
    plan = Plan((FORMER[0],), (), ("model.bank_size",), (("model.bank_size=null",), (FORMER[1],)))
    plan.write(tmp_path)
    assert Plan.read(tmp_path) == Plan(
        (PRESENT[0],), (), ("model.multiscale_size",), (("model.multiscale_size=null",), (PRESENT[1],))
    )


def test_a_former_embedder_gives_the_same_vectors(tmp_path):
    torch.manual_seed(0)
    backbone = create_backbone(
        "test_efficientnet", "none", "multiscale", (64, 48), flip_average=True, multiscale_size=(96, 72)
    )
    frozen_features = {"balance": 0.9, "components": 12, "power": 0.5}
    head = build_head("ensemble", backbone.groups, 8, heads=2, hidden_size=16, frozen_features=frozen_features)
    head.fit(torch.randn(60, backbone.feature_dim))
    embedder = Embedder(backbone, head).eval()
    embedder.save(tmp_path)
    (file,) = tmp_path.glob("*.json")
    text = file.read_text()
    names = {
        "multiscale_size": "bank_size",
        "multiscale": "bank",
        "frozen_features": "seen",
        "branch_size": "part_size",
    }
    for present, former in names.items():
        assert f'"{present}"' in text
        text = text.replace(f'"{present}"', f'"{former}"')
    file.write_text(text)
    assert json.loads(text)["backbone"]["pooling"] == "bank"
    for weights in tmp_path.glob("*.safetensors"):
        state = load_file(weights)
        former = {
            key.replace("added_pooling.", "bank.").replace(".frozen_features.", ".seen."): value
            for key, value in state.items()
        }
        assert former.keys() != state.keys()
        save_file(former, weights)
    images = torch.rand(2, 3, 64, 48)
    with torch.inference_mode():
        torch.testing.assert_close(load_embedder(tmp_path)(images), embedder(images), rtol=0, atol=0)


def test_a_former_checkpoint_continues_after_its_last_batch():
    loader = BatchLoader.__new__(BatchLoader)
    loader.load_state_dict({"epoch": 3, "handed_out": 7})
    assert loader.state_dict() == {"epoch": 3, "yielded": 7}
