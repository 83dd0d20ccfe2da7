"""Embedders: unit vectors, and an exact round trip through a folder."""

import json

import numpy as np
import pytest
import torch

from keyart.errors import InputError
from keyart.models.backbone_factory import create_backbone
from keyart.models.embedder import Embedder, embed, load_embedder, load_frozen, transformed_features
from keyart.models.heads.build import build_head
from keyart.models.heads.linear import LinearHead
from keyart.models.heads.mlp import MLPHead
from keyart.models.weights import digest
from tests.fakes import FakePixels

SIZE = (64, 48)
PARTS = {
    "components": 20,
    "kernel": {"weight": 0.5, "size": 3, "ridge": 1.0},
    "frozen_features": {"balance": 0.8, "components": 9, "power": 0.5},
}


def make(name: str = "test_resnet", pooling: str = "avg", head=None) -> Embedder:
    backbone = create_backbone(name, "none", pooling, SIZE)
    dim = backbone.feature_dim
    return Embedder(backbone, build_head("mlp", dim, 8, hidden_size=16) if head is None else head(dim)).eval()


@pytest.fixture(scope="module")
def images():
    return torch.rand(5, 3, *SIZE)


def test_embeddings_are_unit_vectors_and_the_same_from_features(images):
    embedder = make()
    with torch.no_grad():
        out, features = embedder(images), embedder.backbone(images)
        torch.testing.assert_close(out.norm(dim=1), torch.ones(5))
        assert torch.equal(embedder.from_features(features), out)
        raw = embedder(images, raw=True)
        assert not torch.allclose(raw.norm(dim=1), torch.ones(5))
        torch.testing.assert_close(torch.nn.functional.normalize(raw, dim=1), out)


def test_the_head_computes_in_float32_under_autocast(images):
    embedder = make()
    features = embedder.backbone(images)
    plain = embedder.from_features(features)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(embedder.from_features(features), plain)
        out = embedder(images)
    assert out.dtype == torch.float32
    assert torch.nn.functional.cosine_similarity(out, plain).min() > 0.98


@pytest.mark.parametrize(
    ("name", "pooling", "head"),
    [
        ("test_resnet", "avg", None),
        ("test_efficientnet", "depths", lambda dim: MLPHead(dim, 8, 16, norm="batch")),
        ("test_vit", "gem", lambda dim: LinearHead(dim, 4)),
        ("test_efficientnet", "multiscale", lambda dim: build_head("ensemble", dim, 4, **PARTS)),
    ],
)
def test_a_saved_embedder_comes_back_bit_by_bit(tmp_path, images, name, pooling, head):
    embedder = make(name, pooling, head)
    embedder.head.fit(torch.randn(30, embedder.backbone.feature_dim), torch.arange(90).view(30, 3) % 4 != 0)
    embedder.save(tmp_path / "embedder")
    random_before = torch.get_rng_state()
    again = load_embedder(tmp_path / "embedder")
    assert torch.equal(torch.get_rng_state(), random_before)
    assert not again.training
    with torch.no_grad():
        assert torch.equal(again(images), embedder(images))
    assert digest(again) == digest(embedder)
    assert digest(load_frozen(tmp_path / "embedder")) == digest(embedder.backbone)
    assert not (tmp_path / "embedder" / "frozen.safetensors").exists()


@pytest.mark.parametrize("as_wide", [False, True])
def test_transformed_features_stand_for_features(images, as_wide):
    """Also where they are as wide as the features, so that their width does not tell them apart."""

    def head(dim):
        seen = (
            {**PARTS["frozen_features"], "components": dim - PARTS["components"] - PARTS["kernel"]["size"]}
            if as_wide
            else PARTS["frozen_features"]
        )
        return build_head("ensemble", {"pooled": (0, dim)} if as_wide else dim, 4, **{**PARTS, "frozen_features": seen})

    embedder = make("test_efficientnet", "multiscale", head)
    features = embedder.backbone(images).detach()
    embedder.head.fit(torch.randn(30, features.shape[1]), torch.arange(90).view(30, 3) % 4 != 0)
    transformed = transformed_features(embedder, features.numpy())
    assert transformed.shape == (5, embedder.head.transformed_dim) == (5, features.shape[1] if as_wide else 32)
    torch.testing.assert_close(embedder.from_transformed(transformed), embedder.from_features(features))
    for ours, theirs in zip(
        embedder.branches(transformed), embedder.branches(embedder.transform(features)), strict=True
    ):
        torch.testing.assert_close(ours, theirs)
    embedder.backbone.train()
    embedder(images).sum().backward()
    assert embedder.backbone.model.conv_stem.weight.grad.abs().sum() > 0


def test_the_frozen_backbone_is_kept_where_it_differs(tmp_path, images):
    embedder = make()
    frozen = create_backbone("test_resnet", "none", "avg", SIZE)
    assert digest(frozen) != digest(embedder.backbone)
    embedder.save(tmp_path, frozen_backbone=frozen)
    with torch.no_grad():
        assert torch.equal(load_frozen(tmp_path)(images), frozen(images))
        assert torch.equal(load_embedder(tmp_path)(images), embedder(images))
    embedder.save(tmp_path, frozen_backbone=embedder.backbone)
    assert not (tmp_path / "frozen.safetensors").exists()
    assert digest(load_frozen(tmp_path)) == digest(embedder.backbone)


def test_a_write_that_fails_leaves_the_old_embedder(tmp_path, images, monkeypatch):
    before, after = make(), make()
    before.save(tmp_path / "embedder", frozen_backbone=create_backbone("test_resnet", "none", "avg", SIZE))
    names = sorted(path.name for path in (tmp_path / "embedder").iterdir())

    def fail(*given):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("keyart.models.embedder.write_text", fail)
    with pytest.raises(OSError, match="No space"):
        after.save(tmp_path / "embedder")
    with torch.no_grad():
        assert torch.equal(load_embedder(tmp_path / "embedder")(images), before(images))
    assert sorted(path.name for path in (tmp_path / "embedder").iterdir()) == names
    assert [path.name for path in tmp_path.iterdir()] == ["embedder"]


def test_damaged_folders_are_reported_in_one_line(tmp_path):
    with pytest.raises(InputError, match=r"embedder\.json"):
        load_embedder(tmp_path)
    make().save(tmp_path)
    weights = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(weights[:1000])
    with pytest.raises(InputError, match=r"model\.safetensors"):
        load_embedder(tmp_path)
    record = json.loads((tmp_path / "embedder.json").read_text())
    (tmp_path / "embedder.json").write_text(json.dumps({**record, "format": 99}))
    with pytest.raises(InputError, match="format 99"):
        load_embedder(tmp_path)
    with pytest.raises(InputError, match="format 99"):
        load_frozen(tmp_path)


def test_head_and_backbone_must_fit():
    with pytest.raises(ValueError, match="features"):
        Embedder(create_backbone("test_resnet", "none", "avg", SIZE), LinearHead(5, 2))


def test_embed_goes_in_batches_and_in_order():
    embedder, pixels, seen = make(), FakePixels(11), []
    embedder.train()
    out = embed(
        embedder, pixels, batch_size=4, precision="fp32", progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(4, 11), (8, 11), (11, 11)]
    assert out.shape == (11, 8)
    assert embedder.training
    images = torch.from_numpy(pixels.data).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        torch.testing.assert_close(out, embedder.eval()(images), atol=1e-5, rtol=1e-4)
    some = embed(embedder, pixels, np.array([7, 2]), precision="fp32")
    torch.testing.assert_close(some, out[[7, 2]], atol=1e-5, rtol=1e-4)
    assert embed(embedder, pixels, []).shape == (0, 8)
    assert embed(embedder.backbone, pixels, [1]).shape == (1, embedder.backbone.feature_dim)
    out.requires_grad_().sum().backward()
