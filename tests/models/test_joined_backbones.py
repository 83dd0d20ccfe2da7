"""Several backbones side by side: features, embedder, cache, learning rates, export."""

import numpy as np
import pytest
import torch

from keyart.errors import InputError
from keyart.models.backbone import TimmBackbone
from keyart.models.backbone_factory import check_backbone, create_backbone
from keyart.models.embedder import Embedder, load_embedder, load_frozen
from keyart.models.export.examples import example_images, trace
from keyart.models.export.image_preprocessing import describe_preprocessing
from keyart.models.export.timm_weights import write_timm
from keyart.models.feature_cache import cached_features
from keyart.models.heads.build import build_head
from keyart.models.weights import digest
from keyart.training.parameter_groups import freeze_lowest, layer_groups
from tests.fakes import FakePixels

SIZE = (64, 48)
NAMES = ["test_resnet", "test_efficientnet"]
MAPS = {
    "components": 20,
    "landmarks": 12,
    "heads": 2,
    "started": 1,
    "confidence": 0.5,
    "frozen_features": {"balance": 0.5, "components": 9, "power": 0.5},
}


def make(pooling: str = "multiscale", **settings):
    torch.manual_seed(0)
    return create_backbone(NAMES, "none", pooling, SIZE, **settings)


@pytest.fixture(scope="module")
def images():
    return torch.rand(3, 3, *SIZE)


@pytest.fixture(scope="module")
def embedder():
    backbone = make()
    head = build_head("metric_maps", backbone.groups, 4, **MAPS)
    head.fit(torch.randn(30, backbone.feature_dim), torch.arange(90).view(30, 3) % 4 != 0)
    return Embedder(backbone, head).eval()


@pytest.mark.parametrize("pooling", ["avg", "multiscale"])
def test_features_are_those_of_each_network_side_by_side(images, pooling):
    settings = {} if pooling == "avg" else {"flip_average": True, "multiscale_size": (96, 72)}
    joined = make(pooling, **settings)
    torch.manual_seed(0)
    single = [create_backbone(name, "none", pooling, SIZE, **settings) for name in NAMES]
    with torch.no_grad():
        found, each = joined(images), [one(images) for one in single]
    pooled = [part[:, : one.num_features] for one, part in zip(single, each, strict=True)]
    cosines = [torch.nn.functional.normalize(part, dim=1) for part in pooled]
    expected = [part / part.norm(dim=1, keepdim=True) / 2**0.5 for part in pooled]
    expected += [part[:, one.num_features :] for one, part in zip(single, each, strict=True)]
    torch.testing.assert_close(found, torch.cat(expected, dim=1))
    own = found[:, : joined.num_features]
    torch.testing.assert_close(own @ own.T, sum(part @ part.T for part in cosines) / 2)
    assert joined.feature_dim == found.shape[1]
    names = {"pooled"} | {f"{one.name}/{group}" for one in single for group in one.groups if group != "pooled"}
    assert {*joined.groups} == names
    for one, part in zip(single, each, strict=True):
        for group, (start, stop) in one.groups.items():
            if group != "pooled":
                first, last = joined.groups[f"{one.name}/{group}"]
                assert torch.equal(found[:, first:last], part[:, start:stop])


def test_one_name_in_a_list_is_that_backbone():
    assert isinstance(create_backbone(["test_resnet"], "none", image_size=SIZE), TimmBackbone)


@pytest.mark.parametrize(
    ("names", "weights", "message"),
    [
        ([], "none", ["model.backbone=[]", "at least one"]),
        (["test_vit", "test_vit"], "none", ["model.backbone=[test_vit,test_vit]", "once"]),
        (["test_vit", "test_rexnet"], "none", ["model.backbone=test_rexnet", "did you mean"]),
        (NAMES, "a.safetensors", ["model.weights=a.safetensors", "2 models", "pretrained or none"]),
    ],
)
def test_invalid_names_are_refused_in_one_line(names, weights, message):
    with pytest.raises(InputError) as caught:
        check_backbone(names, weights)
    assert all(part in str(caught.value) for part in message)
    assert "\n" not in str(caught.value)


def test_the_frozen_features_of_a_head_are_those_of_every_network(embedder):
    kept = embedder.head.frozen_features.groups
    assert [*kept] == [f"{name}/{group}" for name in NAMES for group in ("head", "high", "mid", "low")]


def test_a_saved_embedder_comes_back_bit_by_bit(tmp_path, images, embedder):
    embedder.save(tmp_path, frozen_backbone=(frozen := create_backbone(NAMES, "none", "multiscale", SIZE)))
    again = load_embedder(tmp_path)
    with torch.no_grad():
        assert torch.equal(again(images), embedder(images))
    assert digest(again) == digest(embedder)
    assert again.backbone.describe() == embedder.backbone.describe()
    assert digest(load_frozen(tmp_path)) == digest(frozen) != digest(embedder.backbone)


def test_features_of_each_network_are_computed_once(tmp_path):
    torch.manual_seed(0)
    first, second = (create_backbone(name, "none", "multiscale", SIZE) for name in NAMES)
    joined, pixels, seen = make(), FakePixels(11), []

    def compute(backbone, progress=None):
        return cached_features(
            backbone, pixels, cache_dir=tmp_path, precision="fp32", device="cpu", batch_size=8, progress=progress
        )

    compute(first)
    assert pixels.taken == 11
    found = compute(joined, progress=lambda *done: seen.append(done))
    assert pixels.taken == 22
    assert seen == [(9, 11), (11, 11)]
    compute(second)
    assert pixels.taken == 22
    images = torch.from_numpy(pixels.data).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        torch.testing.assert_close(torch.tensor(found), joined(images), atol=1e-5, rtol=1e-4)
    assert isinstance(found, np.memmap)
    files = sorted((tmp_path / "features").glob("*.npy"), key=lambda file: file.stat().st_size)
    assert len(files) == 3
    for file in files[:2]:
        file.unlink()
    assert np.array_equal(compute(joined), found)
    assert pixels.taken == 22


def test_each_networks_last_layer_learns_at_the_full_rate():
    backbone = make("avg")
    groups = layer_groups(backbone, 1e-3, 0.0, 0.5)
    assert sorted(id(p) for group in groups for p in group["params"]) == sorted(map(id, backbone.parameters()))
    for network in backbone.networks:
        own = {*map(id, network.parameters())}
        rates = [group["lr"] for group in groups if any(id(p) in own for p in group["params"])]
        assert max(rates) == pytest.approx(1e-3)
        assert min(rates) < 1e-3
    freeze_lowest(backbone, 0.5)
    for network in backbone.networks:
        assert {p.requires_grad for p in network.parameters()} == {False, True}


@pytest.mark.slow
def test_an_exported_program_equals_the_embedder():
    backbone, inputs = make("avg"), example_images(3, SIZE)
    embedder = Embedder(backbone, build_head("linear", backbone.groups, 4)).eval()
    with torch.no_grad():
        torch.testing.assert_close(trace(embedder, inputs).module()(inputs), embedder(inputs), atol=1e-5, rtol=1e-4)


def test_exports_name_each_network_or_refuse(tmp_path, embedder):
    assert {*NAMES} < {*describe_preprocessing(embedder)["normalisation"]}
    with pytest.raises(InputError, match=r"test_resnet \+ test_efficientnet.*target=onnx"):
        write_timm(embedder, tmp_path)
    assert not [*tmp_path.iterdir()]
