import numpy as np
import pytest

from keyart.utils.bootstrap import bootstrap_intervals, percentile_ends, resample_means


def test_means_equal_a_naive_loop_over_the_same_draws():
    rng = np.random.default_rng(3)
    values = rng.normal(size=(17, 3))
    values[rng.random(values.shape) < 0.3] = np.nan
    draws = np.random.default_rng(5).integers(0, 17, size=(40, 17))
    naive = [[np.nanmean(values[rows, c]) for c in range(3)] for rows in draws]
    np.testing.assert_allclose(resample_means(values, replicates=40, seed=5), naive, rtol=1e-12)


def test_two_values_give_the_binomial_distribution():
    means = resample_means([[0.0], [1.0]], replicates=20_000)[:, 0]
    share = [(means == m).mean() for m in (0.0, 0.5, 1.0)]
    assert share == pytest.approx([0.25, 0.5, 0.25], abs=0.012)


def test_interval_of_a_large_sample_is_the_normal_one():
    values = np.random.default_rng(0).gamma(2.0, size=(900, 1))
    (found,) = bootstrap_intervals(values, replicates=6000)
    reach = 1.95996 * values.std(ddof=1) / np.sqrt(900)
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - reach, abs=0.07 * reach)
    assert found.high == pytest.approx(values.mean() + reach, abs=0.07 * reach)


def test_coverage_is_about_the_level():
    rng = np.random.default_rng(1)
    found = [bootstrap_intervals(rng.random((60, 1)), level=0.8, replicates=400, seed=i)[0] for i in range(250)]
    hit = [interval.low <= 0.5 <= interval.high for interval in found]
    assert np.mean(hit) == pytest.approx(0.8, abs=0.08)


def test_columns_share_their_draws_so_that_constant_differences_are_certain():
    a = np.random.default_rng(2).random((50, 1))
    means = resample_means(np.hstack([a, a + 0.25]), replicates=300)
    np.testing.assert_allclose(means[:, 1] - means[:, 0], 0.25, atol=1e-12)
    (gap,) = bootstrap_intervals(np.full((50, 1), 0.25))
    assert (gap.low, gap.high) == (0.25, 0.25)
    assert gap.excludes_zero


def test_memory_chunks_change_nothing(monkeypatch):
    values = np.random.default_rng(4).random((30, 2))
    whole = resample_means(values, replicates=64)
    monkeypatch.setattr("keyart.utils.bootstrap.CHUNK_BYTES", 16 * 30 * 7)
    np.testing.assert_array_equal(resample_means(values, replicates=64), whole)


def test_unknown_and_single_values_have_no_ends():
    nan = np.nan
    empty, single = bootstrap_intervals([[nan, nan], [nan, 0.5], [nan, nan]])
    assert np.isnan([empty.value, empty.low, empty.high, single.low, single.high]).all()
    assert (empty.n_queries, single.n_queries, single.value) == (0, 1, 0.5)
    assert not empty.excludes_zero


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="at least one query"):
        resample_means(np.zeros((0, 2)))
    with pytest.raises(ValueError, match=r"level=1\.5"):
        percentile_ends(np.zeros((3, 1)), level=1.5)
