"""Tests of the baseline vectors, which use no knowledge of films."""

import numpy as np
import pytest

from keyart.metrics.baselines import colour_histograms, random_vectors


def test_random_vectors_follow_the_id():
    vectors = random_vectors([f"tt{i}" for i in range(300)], size=64, seed=3)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(random_vectors(["tt7"], size=64, seed=3)[0], vectors[7])
    assert not np.array_equal(random_vectors(["tt7"], size=64, seed=4)[0], vectors[7])
    # Uniform on the sphere: nearly orthogonal, with mean near zero.
    assert abs((vectors @ vectors.T)[np.triu_indices(300, 1)].mean()) < 0.005
    assert np.abs(vectors.mean(axis=0)).max() < 5 / np.sqrt(300 * 64)


def test_colour_histograms_equal_a_loop():
    pixels = np.random.default_rng(0).integers(0, 256, (3, 7, 5, 3), dtype=np.uint8)
    got = colour_histograms(pixels, bins=4, bands=2)
    want = np.zeros((3, 2, 4, 4, 4))
    for i, y, x in np.ndindex(3, 7, 5):
        r, g, b = pixels[i, y, x] // 64
        want[i, int(y >= 3), r, g, b] += 1
    want /= want.sum(axis=(2, 3, 4), keepdims=True)
    np.testing.assert_allclose(got, np.sqrt(want / 2).reshape(3, -1), rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(got, axis=1), 1, rtol=1e-6)


def test_colour_histograms_tell_colours_and_places_apart():
    red_over_blue = np.zeros((6, 4, 3), np.uint8)
    red_over_blue[:3, :, 0] = red_over_blue[3:, :, 2] = 255
    both = colour_histograms(np.stack([red_over_blue, red_over_blue[::-1]]), bands=2)
    assert both[0] @ both[0] == pytest.approx(1)
    assert both[0] @ both[1] == pytest.approx(0)


@pytest.mark.parametrize("options", [{"bins": 3}, {"bands": 0}, {"bands": 9}])
def test_impossible_options_are_refused(options):
    with pytest.raises(ValueError, match="bins="):
        colour_histograms(np.zeros((1, 8, 8, 3), np.uint8), **options)


def test_floats_are_refused():
    with pytest.raises(ValueError, match="uint8"):
        colour_histograms(np.zeros((1, 8, 8, 3), np.float32))
