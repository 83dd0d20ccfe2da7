"""The cache of frozen features: computed once, never stale."""

import multiprocessing
import os
import signal
import time

import numpy as np
import pytest
import torch

from keyart.models.backbone_factory import create_backbone
from keyart.models.feature_cache import cached_features
from keyart.models.precision import has_bf16
from tests.fakes import FakePixels

SIZE = (64, 48)


@pytest.fixture(scope="module")
def backbone():
    torch.manual_seed(0)
    return create_backbone("test_resnet", "none", "depths", SIZE)


def compute(backbone, pixels, folder, **kwargs):
    return cached_features(backbone, pixels, cache_dir=folder, **{"precision": "fp32", "device": "cpu", **kwargs})


def test_features_are_computed_once_and_mapped(tmp_path, backbone):
    pixels, seen = FakePixels(11), []
    backbone.train()
    first = compute(backbone, pixels, tmp_path, batch_size=4, progress=lambda done, total: seen.append((done, total)))
    assert backbone.training
    assert seen == [(4, 11), (8, 11), (11, 11)]
    assert isinstance(first, np.memmap)
    assert first.dtype == np.float32
    assert not first.flags.writeable
    images = torch.from_numpy(pixels.data).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        torch.testing.assert_close(torch.tensor(first), backbone.eval()(images), atol=1e-5, rtol=1e-4)
    assert pixels.taken == 11
    again = compute(backbone, pixels, tmp_path, progress=lambda done, total: seen.append("again"))
    assert np.array_equal(first, again)
    assert pixels.taken == 11
    assert "again" not in seen


def test_whatever_changes_the_features_changes_their_key(tmp_path, backbone):
    compute(backbone, FakePixels(3), tmp_path)

    def files() -> int:
        return len(list((tmp_path / "features").glob("*.npy")))

    assert files() == 1
    compute(backbone, FakePixels(3), tmp_path, batch_size=1)
    assert files() == 1
    compute(backbone, FakePixels(3, seed=1), tmp_path)
    compute(backbone, FakePixels(3), tmp_path, precision="bf16")
    torch.manual_seed(1)
    compute(create_backbone("test_resnet", "none", "depths", SIZE), FakePixels(3), tmp_path)
    torch.manual_seed(0)
    compute(create_backbone("test_resnet", "none", "avg", SIZE), FakePixels(3), tmp_path)
    assert files() == 5


@pytest.mark.skipif(not has_bf16("cpu"), reason="this CPU has no bfloat16")
def test_bfloat16_features_are_close_to_float32(tmp_path):
    backbone = create_backbone("tf_efficientnet_lite0", "pretrained", "avg", (128, 96))
    pixels = FakePixels(6, (128, 96))
    exact, fast = (torch.tensor(compute(backbone, pixels, tmp_path, precision=p)) for p in ("fp32", "bf16"))
    assert torch.nn.functional.cosine_similarity(exact, fast).min() > 0.99
    assert not torch.equal(exact, fast)


class SlowPixels(FakePixels):
    """A pixel source that stops half-way, so that a process can be killed there."""

    def take(self, positions):
        if positions[0] >= 5:
            time.sleep(600)
        return super().take(positions)


def _compute_slowly(folder):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    compute(create_backbone("test_resnet", "none", "depths", SIZE), SlowPixels(40), folder, batch_size=1)


def test_killed_half_way_it_leaves_nothing_wrong(tmp_path, backbone):
    process = multiprocessing.get_context("spawn").Process(target=_compute_slowly, args=(tmp_path,))
    process.start()
    features = tmp_path / "features"
    deadline = time.monotonic() + 300
    while not list(features.glob(".*.part")) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert list(features.glob(".*.part"))
    assert not list(features.glob("*.npy"))
    after = compute(backbone, FakePixels(40), tmp_path)
    assert after.shape == (40, backbone.feature_dim)
    assert np.isfinite(after).all()
    assert (np.abs(after).sum(axis=1) > 0).all()
    assert not list(features.glob(".*.part"))
