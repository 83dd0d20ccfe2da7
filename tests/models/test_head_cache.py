"""Fitted heads from the cache equal heads fitted without it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from keyart.models import head_cache as module
from keyart.models.embedder import Embedder
from keyart.models.heads.build import build_head

GROUPS = {"pooled": (0, 12), "high": (12, 40), "low": (40, 64)}


class NoBackbone(torch.nn.Module):
    feature_dim = 64


def make(balance: float = 0.5, components: int = 9, heads: int = 2) -> Embedder:
    head = build_head(
        "ensemble",
        GROUPS,
        8,
        hidden_size=6,
        heads=heads,
        components=components,
        kernel={"weight": 1.0, "size": 5, "ridge": 1.0},
        frozen_features={"balance": balance, "components": 7, "power": 0.5},
    )
    return Embedder(NoBackbone(), head)


@pytest.fixture
def given(tmp_path: Path) -> tuple[np.memmap, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    np.save(tmp_path / "features.npy", draw.normal(size=(50, 64)).astype(np.float32))
    mapped = np.load(tmp_path / "features.npy", mmap_mode="r")
    return mapped, draw.random(50) < 0.7, draw.random((50, 6)) < 0.4


def test_the_second_run_reads_what_the_first_fitted(given, tmp_path, monkeypatch) -> None:
    features, train, genres = given
    torch.manual_seed(0)
    first = make()
    transformed = module.fit_head(first, features, train, genres, cache_dir=tmp_path)
    plain = make()
    plain.head.load_state_dict({**plain.head.state_dict()})
    plain.head.fit(features[train], genres[train])
    monkeypatch.setattr("keyart.models.heads.combined.CombinedHead.fit", lambda *a: pytest.fail("fitted again"))
    torch.manual_seed(1)
    second = make(balance=2.0, heads=3)
    before = {name: value.clone() for name, value in second.head.named_parameters()}
    again = module.fit_head(second, features, train, genres, cache_dir=tmp_path)
    torch.testing.assert_close(again, transformed)
    for name, value in plain.head.named_buffers():
        torch.testing.assert_close(dict(second.head.named_buffers())[name], value, msg=name)
    for name, value in second.head.named_parameters():
        torch.testing.assert_close(value, before[name], msg=name)
    torch.testing.assert_close(second.transform(torch.from_numpy(np.array(features))), transformed)


@pytest.mark.parametrize("changed", ["train", "genres", "components"])
def test_what_decides_the_fit_is_in_its_key(given, tmp_path, changed: str) -> None:
    features, train, genres = given
    module.fit_head(make(), features, train, genres, cache_dir=tmp_path)
    if changed == "train":
        train = ~train
    elif changed == "genres":
        genres = ~genres
    module.fit_head(make(components=8 if changed == "components" else 9), features, train, genres, cache_dir=tmp_path)
    assert len(list((tmp_path / "features").glob("*-head.npy"))) == 2


def test_features_of_no_file_are_fitted_each_time(given, tmp_path) -> None:
    features, train, genres = given
    embedder = make()
    transformed = module.fit_head(embedder, np.array(features), train, genres, cache_dir=tmp_path)
    torch.testing.assert_close(transformed, embedder.transform(torch.from_numpy(np.array(features))))
    assert not (tmp_path / "features").exists()


@pytest.mark.parametrize("damage", ["", "{}", "x" * 5000])
def test_a_damaged_file_is_fitted_again(given, tmp_path, damage: str) -> None:
    features, train, genres = given
    first = module.fit_head(make(), features, train, genres, cache_dir=tmp_path).clone()  # it maps a file
    for path in (tmp_path / "features").glob("*.npy"):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1  # one bit
        path.write_bytes(damage.encode() or content)
        torch.testing.assert_close(module.fit_head(make(), features, train, genres, cache_dir=tmp_path), first)
