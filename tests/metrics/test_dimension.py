"""Intrinsic dimension of sets with known dimension, compared with naive references, and of degenerate sets."""

import math

import numpy as np
import pytest
from sklearn.datasets import make_swiss_roll

from keyart.metrics.dimension import (
    collapse_stats,
    distinct_rows,
    intrinsic_dimension,
    mle,
    nearest_distances,
    principal_components,
    two_nn,
)


def cube(n, d, ambient, seed=0):
    """Create a uniform d-cube, randomly rotated in a space of higher dimension."""
    rng = np.random.default_rng(seed)
    frame = np.linalg.qr(rng.normal(size=(ambient, d)))[0]
    return (rng.random((n, d)) @ frame.T + 3).astype(np.float32)


def ball(n, d, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    return (x / np.linalg.norm(x, axis=1, keepdims=True) * rng.random((n, 1)) ** (1 / d)).astype(np.float32)


def naive_distances(x, k):
    gaps = np.linalg.norm(x[:, None].astype(np.float64) - x[None], axis=2)
    np.fill_diagonal(gaps, np.inf)
    return np.sort(gaps, axis=1)[:, :k]


@pytest.mark.parametrize(("d", "tolerance"), [(1, 0.08), (2, 0.15), (5, 0.5)])
@pytest.mark.parametrize("kind", ["cube", "ball"])
def test_finds_the_dimension_of_uniform_sets(kind, d, tolerance):
    x = cube(3000, d, 30) if kind == "cube" else ball(3000, d)
    found = intrinsic_dimension(x)
    assert found.twonn == pytest.approx(d, abs=tolerance)
    assert found.mle_mean == pytest.approx(d, abs=tolerance)
    assert found.mle[3] == pytest.approx(d, abs=2 * tolerance)


def test_a_swiss_roll_is_a_sheet_though_it_fills_three_dimensions():
    x = make_swiss_roll(3000, random_state=0)[0].astype(np.float32)
    found = intrinsic_dimension(x)
    assert found.twonn == pytest.approx(2, abs=0.2)
    assert found.mle_mean == pytest.approx(2, abs=0.2)
    assert found.spectrum.components["99"] == 3


def test_a_sphere_in_many_dimensions_is_underestimated_less_by_more_vectors():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4000, 20)).astype(np.float32)
    few, many = intrinsic_dimension(x[:400]).mle_mean, intrinsic_dimension(x).mle_mean
    assert few < many < 20


def test_distances_are_those_of_all_pairs_even_far_from_the_origin():
    x = (np.random.default_rng(1).normal(size=(200, 6)) * 1e-3 + 5).astype(np.float32)
    x = np.vstack([x, x[:3]])
    np.testing.assert_allclose(nearest_distances(x, 7), naive_distances(x, 7), rtol=1e-5, atol=1e-9)
    assert nearest_distances(x[:3], 7).shape == (3, 2)


def test_mle_is_the_harmonic_mean_of_the_vectors_own_estimates():
    distances = naive_distances(ball(60, 3), 6)
    own = [1 / (sum(math.log(row[4] / t) for t in row[:4]) / 4) for row in distances]
    assert mle(distances, 5) == pytest.approx(60 / sum(1 / m for m in own))


def test_both_agree_with_scikit_dimension():
    skdim = pytest.importorskip("skdim")
    x = ball(500, 4)
    distances = naive_distances(x, 20)
    assert two_nn(distances) == pytest.approx(skdim.id.TwoNN().fit(x).dimension_, rel=0.01)
    assert mle(distances, 10) == pytest.approx(skdim.id.MLE().fit(x, n_neighbors=10).dimension_, rel=1e-3)


def test_the_spectrum_of_known_variances():
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(40000, 4)) * np.sqrt([8.0, 1.0, 0.5, 0.5])).astype(np.float32)
    found = principal_components(x)
    assert found.participation_ratio == pytest.approx(100 / 65.5, rel=0.03)
    assert found.components == {"90": 2, "95": 3, "99": 4}
    # With more columns than vectors, the smaller matrix gives the same result.
    wide = np.hstack([x[:50], np.zeros((50, 200), np.float32)])
    assert principal_components(wide).participation_ratio == pytest.approx(
        principal_components(x[:50]).participation_ratio, rel=1e-4
    )


def test_equal_vectors_count_once():
    x = cube(500, 2, 5)
    twice = np.vstack([x, x[:300]])
    assert distinct_rows(twice).tolist() == list(range(500))
    assert intrinsic_dimension(twice).twonn == pytest.approx(intrinsic_dimension(x).twonn)
    assert intrinsic_dimension(twice).vectors == 500


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_few_or_equal_vectors_have_no_dimension(n):
    assert math.isnan(intrinsic_dimension(np.ones((n, 3), np.float32)).twonn)
    same = intrinsic_dimension(np.ones((50, 3), np.float32))
    assert same.vectors == 1
    assert math.isnan(same.twonn)
    assert math.isnan(same.mle_mean)
    assert math.isnan(same.spectrum.participation_ratio)


def test_a_regular_grid_has_no_ratio_to_fit():
    grid = np.stack(np.meshgrid(np.arange(6), np.arange(6)), -1).reshape(-1, 2).astype(np.float32)
    assert math.isnan(two_nn(nearest_distances(grid, 2)))


def test_spread_reports_a_point_and_a_line_from_a_cloud():
    rng = np.random.default_rng(0)
    cloud = rng.normal(size=(400, 16)).astype(np.float32)
    found = collapse_stats(cloud)
    unit = cloud / np.linalg.norm(cloud, axis=1, keepdims=True)
    cosines = (unit @ unit.T)[~np.eye(400, dtype=bool)]
    assert found.mean_cosine == pytest.approx(cosines.mean(), abs=1e-6)
    assert found.collapse() == ""
    assert found.twonn > 6
    point = collapse_stats(np.float32(1) + 1e-3 * cloud)
    assert "to a point" in point.collapse()
    line = collapse_stats(np.outer(rng.normal(size=400), np.eye(16)[0]).astype(np.float32) + 0.01 * cloud)
    assert "to a line" in line.collapse()
    same = collapse_stats(np.ones((50, 4), np.float32))
    assert same.mean_cosine == pytest.approx(1)
    assert "to a point" in same.collapse()
    assert math.isnan(same.twonn)
    assert collapse_stats(cloud[:2]).collapse() == ""


def test_spread_looks_at_one_of_each_group_and_at_few_of_many():
    x = cube(600, 3, 8)
    doubled = np.vstack([x, x + 1e-6])
    groups = np.tile(np.arange(600), 2)
    assert collapse_stats(doubled, groups) == collapse_stats(x)
    assert collapse_stats(x, most=100).twonn == collapse_stats(x[::6]).twonn
