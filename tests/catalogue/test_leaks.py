"""Expected leaks of a random split, compared with an enumeration of all splits."""

import numpy as np
import pytest

from keyart.catalogue.leaks import expected_leakage


@pytest.mark.parametrize("sizes", [[2], [3], [2, 2], [4, 3, 2], [5]])
def test_it_is_the_mean_over_random_splits(sizes):
    posters, train, test = 40, 0.7, 0.2
    groups = np.concatenate(
        [np.repeat(np.arange(len(sizes)), sizes), np.arange(len(sizes), len(sizes) + 40 - sum(sizes))]
    )
    rng, leaks = np.random.default_rng(0), []
    for _ in range(20000):
        order = groups[rng.permutation(posters)]
        leaks.append(np.isin(order[:8], order[8:36]).sum())
    assert expected_leakage(sizes, posters, train, test) == pytest.approx(np.mean(leaks), abs=4 * np.std(leaks) / 141)


def test_single_posters_leak_nothing_and_whole_groups_of_a_large_set_nearly_always():
    assert expected_leakage([1, 1, 1], 100, 0.7, 0.2) == 0
    assert expected_leakage([32], 100_000, 0.7, 0.2) == pytest.approx(32 * 0.2, rel=1e-6)
