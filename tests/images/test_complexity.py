"""Image entropies: closed forms, scikit-image, and the cache of posters' values."""

import math

import numpy as np
import pytest
from PIL import Image

from keyart.images.complexity import (
    at_size,
    delentropy,
    glcm_entropy,
    measure,
    measured_complexity,
    shannon_entropy,
    to_grey,
)
from keyart.images.pixel_cache import open_pixels


def checkerboard(n=33):
    return ((np.indices((n, n)).sum(0) % 2) * 255).astype(np.uint8)


def test_a_flat_image_holds_nothing():
    assert measure([np.full((20, 30, 3), 77, np.uint8)]).tolist() == [[0.0, 0.0, 0.0]]


def test_a_checkerboard_holds_one_bit_and_its_neighbours_one_too():
    board = checkerboard(33)
    # 545 of 1,089 pixels are black; 528 pairs go either way.
    p = 545 / 1089
    assert shannon_entropy(board) == pytest.approx(-p * math.log2(p) - (1 - p) * math.log2(1 - p))
    assert glcm_entropy(board) == pytest.approx(1.0)
    assert delentropy(board) == 0.0


def test_an_even_ramp_uses_all_levels_and_changes_nowhere():
    ramp = np.tile(np.arange(256, dtype=np.uint8), (10, 1))
    assert shannon_entropy(ramp) == pytest.approx(8)
    # 255 pairs of levels horizontally, 256 vertically.
    assert glcm_entropy(ramp) == pytest.approx((math.log2(255) + 8) / 2)
    assert delentropy(ramp) == 0.0


@pytest.mark.parametrize("levels", [2, 4, 16])
def test_independent_levels_count_twice_in_pairs(levels):
    """Every ordered pair of levels is equally frequent, horizontally and vertically: a de Bruijn-like torus by sums."""
    rng = np.random.default_rng(0)
    noise = (rng.integers(0, levels, (400, 400)) * (255 // (levels - 1))).astype(np.uint8)
    bits = math.log2(levels)
    assert shannon_entropy(noise) == pytest.approx(bits, abs=0.01)
    assert glcm_entropy(noise) == pytest.approx(2 * bits, abs=0.02)


def test_delentropy_of_gradients_that_take_m_values_each_way():
    """L = g(x) + g(y), where g(x+1) − g(x−1) takes 4 values equally often: ½ log2(16) = 2 bits."""
    steps = np.tile([1, 2, 3, 4], 4)
    g = np.zeros(2 + len(steps), dtype=int)
    for i, step in enumerate(steps):
        g[i + 2] = g[i] + step
    image = (g[:, None] + g[None]).astype(np.uint8)
    assert delentropy(image) == pytest.approx(2.0)


def test_uniform_noise_reaches_no_more_than_the_number_of_pixels_allows():
    noise = np.random.default_rng(0).integers(0, 256, (66, 66)).astype(np.uint8)
    assert 0.97 * 0.5 * math.log2(64 * 64) < delentropy(noise) <= 0.5 * math.log2(64 * 64)


def test_agrees_with_scikit_image():
    feature = pytest.importorskip("skimage.feature")
    measures = pytest.importorskip("skimage.measure")
    grey = np.random.default_rng(0).integers(0, 40, (50, 60)).astype(np.uint8)
    grey[20:] = 255
    matrices = feature.graycomatrix(grey, [1], [0, math.pi / 2], levels=256, normed=True)[:, :, 0]
    naive = [-(m[m > 0] * np.log2(m[m > 0])).sum() for m in np.moveaxis(matrices, 2, 0)]
    assert glcm_entropy(grey) == pytest.approx(np.mean(naive))
    assert shannon_entropy(grey) == pytest.approx(measures.shannon_entropy(grey, base=2))


def test_delentropy_agrees_with_a_plain_histogram():
    grey = np.random.default_rng(3).integers(0, 256, (40, 30)).astype(np.uint8)
    level = grey.astype(float)
    fx = (level[1:-1, 2:] - level[1:-1, :-2]).ravel()
    fy = (level[2:, 1:-1] - level[:-2, 1:-1]).ravel()
    edges = np.arange(-255.5, 256)
    p = np.histogram2d(fx, fy, bins=(edges, edges))[0] / fx.size
    assert delentropy(grey) == pytest.approx(-0.5 * (p[p > 0] * np.log2(p[p > 0])).sum())


def test_grey_is_itu_601():
    image = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], dtype=np.uint8)
    assert to_grey(image).tolist() == [[76, 150, 29, 255]]


def test_more_noise_is_more_complex_in_every_measure():
    rng = np.random.default_rng(0)
    found = measure(
        (128 + rng.normal(0, deviation, (64, 64))).clip(0, 255).astype(np.uint8) for deviation in (1, 8, 40)
    )
    assert (np.diff(found, axis=0) > 0).all()


def test_posters_are_measured_once(tmp_path):
    for i in range(3):
        Image.fromarray(np.random.default_rng(i).integers(0, 256, (64, 48, 3)).astype(np.uint8)).save(
            tmp_path / f"{i}.png"
        )
    pixels, *_ = open_pixels([tmp_path / f"{i}.png" for i in range(3)], (64, 48))
    lines = []
    found = measured_complexity(pixels, lambda done, total: lines.append((done, total)))
    np.testing.assert_array_equal(found, measure(pixels[i] for i in range(3)))
    assert lines == [(3, 3)]
    np.testing.assert_array_equal(measured_complexity(pixels, lambda *_: lines.append(None)), found)
    assert lines == [(3, 3)]


def test_bringing_to_a_size_keeps_what_has_it():
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    np.testing.assert_array_equal(at_size(image, (32, 32)), image)
    assert at_size(image[..., 0], (8, 6)).shape == (8, 6, 3)
