"""Tests of a dataset card's references, detail, angles, advice and look-alikes."""

import socket

import numpy as np
import pytest
import torch
from PIL import Image

from keyart.errors import InputError
from keyart.images.pixel_cache import open_pixels
from keyart.reports.card import references
from keyart.reports.card.advice import embedding_size, margin
from keyart.reports.card.cleanliness import lookalikes
from keyart.reports.card.detail_kept import detail_kept
from keyart.reports.card.measure import summarise_angles
from keyart.reports.card.measurements import measure_set, measure_space
from keyart.reports.card.triplet_angles import beyond, triplet_angles


def test_digits_and_photographs_are_there_without_a_network():
    pytest.importorskip("skimage")
    digits, photographs = references.load_reference_sets(["digits", "photographs"])
    assert digits.images.shape == (1000, 32, 32, 3)
    assert digits.total == 1797
    assert photographs.total == len(references.PHOTOGRAPHS) + 2
    summary = measure_set(digits)
    assert summary["intrinsic_dimension"]["twonn"] > 5
    few = measure_set(photographs)
    assert few["intrinsic_dimension"] is None
    assert few["complexity"]["delentropy"]["mean"] > summary["complexity"]["delentropy"]["mean"]


def test_a_folder_of_images_is_a_set(poster_folder, tmp_path):
    (poster_folder / "posters" / "broken.jpg").write_text("no image")
    (found,) = references.load_reference_sets([str(poster_folder / "posters")])
    assert len(found.images) == 24
    assert found.native == "96×144 (median)"
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no image"):
        references.load_reference_sets([str(tmp_path / "empty")])


def test_an_unknown_set_is_reported_with_those_that_are_known():
    with pytest.raises(InputError, match=r"compare='imagenet': .*mnist"):
        references.load_reference_sets(["imagenet"])


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10"])
def test_what_cannot_be_downloaded_is_reported_in_one_line(name, monkeypatch):
    def refuse(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with pytest.raises(InputError, match=f"compare='{name}': .*cannot be downloaded") as summary:
        references.load_reference_sets([name])
    assert "\n" not in str(summary.value)


def test_downloads_that_are_there_are_read(monkeypatch):
    from torchvision import datasets

    class Held:
        def __init__(self, root, train, download):
            self.data = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1200, 28, 28)).astype(np.uint8))

    monkeypatch.setattr(datasets, "MNIST", Held)
    (found,) = references.load_reference_sets(["mnist"])
    assert (found.name, found.total, found.native) == ("MNIST", 1200, "28×28")
    assert found.images.shape == (1000, 32, 32, 3)


def test_samples_are_the_same_each_time_and_without_repetition():
    chosen = references.sample(5000)
    np.testing.assert_array_equal(chosen, references.sample(5000))
    assert len(np.unique(chosen)) == 1000
    assert references.sample(7).tolist() == list(range(7))


def test_near_duplicates_do_not_shrink_a_dimension():
    x = np.random.default_rng(0).random((600, 4)).astype(np.float32)
    doubled = np.vstack([x, x + 1e-5])
    summary, _ = measure_space(doubled, np.tile(np.arange(600), 2))
    assert summary["vectors"] == 600
    assert summary["twonn"] == pytest.approx(measure_space(x, np.arange(600))[0]["twonn"])
    assert list(summary["twonn_by_vectors"]) == ["600", "300"]


def test_detail_of_flat_areas_survives_and_that_of_noise_does_not(tmp_path):
    rng = np.random.default_rng(0)
    halves = np.zeros((256, 176, 3), np.uint8)
    halves[:, 88:] = 200
    noise = rng.integers(0, 256, (256, 176, 3)).astype(np.uint8)
    kept = {}
    for name, image in (("halves", halves), ("noise", noise)):
        Image.fromarray(image).save(tmp_path / f"{name}.png")
        pixels, *_ = open_pixels([tmp_path / f"{name}.png"], (256, 176))
        kept[name] = detail_kept(pixels)
    assert list(kept["noise"].values()) == sorted(kept["noise"].values(), reverse=True)
    assert kept["noise"]["64×44"] < 0.05 < kept["halves"]["64×44"]


def test_angles_are_those_of_the_angular_loss():
    """Orthogonal vectors have ‖a − p‖ = √2 and ‖n − c‖ = √1.5, so 30 degrees; identical positives have 0 degrees."""
    rng = np.random.default_rng(0)
    wide = rng.normal(size=(300, 2000)).astype(np.float32)
    genres = np.zeros((300, 2), dtype=bool)
    genres[:150, 0] = genres[150:, 1] = True
    assert np.median(triplet_angles(wide, genres)) == pytest.approx(30, abs=0.5)
    assert triplet_angles(genres.astype(np.float32), genres).max() == pytest.approx(0, abs=1e-3)
    assert len(triplet_angles(wide, np.ones((300, 1), dtype=bool))) == 0
    assert beyond(np.array([10.0, 50.0]), (20, 60)) == {"20": 0.5, "60": 0.0}


def test_lookalikes_are_the_nearest_pairs_outside_groups():
    x = np.eye(6, dtype=np.float32)
    x[1] = x[0]
    x[3] = x[2] + 0.1 * x[4]
    pairs, cosines = lookalikes(x, np.array([0, 0, 2, 3, 4, 5]), most=1)
    assert [pair.tolist() for pair in pairs] == [[2, 3]]
    assert cosines[0] == pytest.approx(1 / np.sqrt(1.01), abs=1e-6)


def test_few_distinct_posters_get_advice_by_what_could_be_estimated():
    vectors = np.random.default_rng(0).normal(size=(20, 8)).astype(np.float32)
    frozen, _ = measure_space(vectors, np.repeat(np.arange(10), 2))
    assert frozen["mle"]["mean"] is None
    advice = embedding_size({"intrinsic_dimension": {"frozen": frozen}})
    assert "TwoNN" in advice["measured"]
    assert "likelihood" not in advice["measured"]


@pytest.mark.parametrize(("middle", "where"), [(12, "below"), (29.7, "below"), (44, "inside"), (70, "above")])
def test_the_advised_margin_follows_the_measured_angles(middle, where):
    angles = np.random.default_rng(0).normal(middle, 2, 4000)
    summary = margin({"angles": summarise_angles(angles)})
    start, sweep = summary["start"]["loss.margin"], summary["start"]["sweep"]
    assert 0.02 < (angles > start).mean() < 0.12
    assert start in sweep
    # The advised margin is neither one that every triplet satisfies nor one that nearly all triplets violate.
    assert all(0.005 < (angles > one).mean() < 0.75 for one in sweep)
    assert f"5% lie beyond {start}°" in summary["measured"]
    assert f"{start}° is {where} that range" in summary["source"]
    assert f"the largest {angles.max():.1f}°" in summary["measured"]


def test_the_advised_margin_is_one_that_the_loss_takes():
    for angle in (0.0, 89.0):
        summary = margin({"angles": summarise_angles(np.full(50, angle))})["start"]
        assert all(1 <= one <= 80 for one in (summary["loss.margin"], *summary["sweep"]))
    nothing = margin({"angles": summarise_angles(np.zeros(0))})
    assert nothing["start"]["loss.margin"] == 36
    assert "no triplets" in nothing["measured"]
