"""Percentiles of cosines among random pairs."""

import numpy as np
import pytest

from keyart.retrieval.index import PosterIndex
from keyart.retrieval.random_pairs import SAMPLE, RandomPairs, percent


def test_percentiles_equal_a_count_over_all_pairs():
    vectors = np.random.default_rng(0).normal(size=(60, 8))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    every = [unit[i] @ unit[j] for i in range(60) for j in range(i)]
    asked = np.linspace(-1.2, 1.2, 41)
    naive = [np.mean(np.array(every) < one) for one in asked]
    np.testing.assert_allclose(RandomPairs.of(3 * vectors).closer_than(asked), naive, atol=2e-3)


def test_a_sample_is_fixed_and_close_to_all_pairs():
    vectors = np.random.default_rng(1).normal(size=(4 * SAMPLE, 6)) + 0.5
    pairs = RandomPairs.of(vectors)
    assert len(pairs.cosines) == SAMPLE * (SAMPLE - 1) // 2
    np.testing.assert_array_equal(pairs.cosines, RandomPairs.of(vectors).cosines)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    every = (unit @ unit.T)[np.triu_indices(len(unit), 1)]
    for share in (0.05, 0.5, 0.97):
        assert pairs.closer_than(np.quantile(every, share)) == pytest.approx(share, abs=0.02)


def test_an_index_gives_the_same_and_reads_no_more_than_the_sample(monkeypatch):
    import pandas as pd

    vectors = np.random.default_rng(2).normal(size=(3 * SAMPLE, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index = PosterIndex.of(vectors, pd.DataFrame({"id": np.arange(len(vectors)).astype(str)}))
    read = []
    plain = PosterIndex.vectors
    monkeypatch.setattr(PosterIndex, "vectors", lambda self, rows=None: read.append(len(rows)) or plain(self, rows))
    np.testing.assert_allclose(RandomPairs.of_index(index).cosines, RandomPairs.of(vectors).cosines, atol=1e-6)
    assert read == [SAMPLE]


def test_one_poster_has_no_pairs():
    assert np.isnan(RandomPairs.of(np.ones((1, 3))).closer_than([0.5])).all()
    assert percent(float("nan")) == "–"
