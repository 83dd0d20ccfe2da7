"""The chance level equals the mean over all orders of the gallery."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from keyart.metrics import chance
from tests.metrics import naive
from tests.metrics.strategies import problems


@settings(max_examples=40, deadline=None)
@given(problems(max_size=5))
def test_chance_is_the_mean_over_all_rankings(problem):
    result = problem.evaluate()
    for name, values in naive.expect(*problem.naive_arguments()).items():
        known = [v for v in values.values() if v is not None]
        if known:
            assert result.chance[name] == pytest.approx(np.mean(known), abs=1e-6), name
        else:
            assert math.isnan(result.chance[name]), name


@pytest.mark.parametrize(("n", "relevant", "k"), [(200, 30, 10), (57, 1, 10), (40, 39, 5), (6, 4, 10), (300, 150, 50)])
def test_closed_forms_against_simulation(n, relevant, k):
    rng = np.random.default_rng(n)
    draws = 4000
    marks = rng.permuted(np.tile(np.arange(n) < relevant, (draws, 1)), axis=1)
    gains = rng.random(n) * 0.9 + 0.1
    ranks = np.arange(1, n + 1)
    precision = marks * marks.cumsum(axis=1) / ranks
    shown = min(k, n)
    ideal = (np.sort(gains)[::-1][:k] / np.log2(ranks[:k] + 1)).sum()
    dcg = (rng.permuted(np.tile(gains, (draws, 1)), axis=1)[:, :k] / np.log2(ranks[:k] + 1)).sum(axis=1)
    hits = marks[:, :k].sum(axis=1)
    samples = {
        "precision": hits / k,
        "recall": (hits > 0).astype(float),
        "map": precision.sum(axis=1) / relevant,
        "map@r": precision[:, :relevant].sum(axis=1) / relevant,
        "map@k": precision[:, :shown].sum(axis=1) / relevant,
        "ndcg": dcg / ideal,
    }
    r, m = torch.tensor([float(relevant)], dtype=torch.float64), torch.tensor([float(n)], dtype=torch.float64)
    got = {
        "precision": chance.expected_precision(r, m, k),
        "recall": chance.expected_recall(r, m, k),
        "map": chance.expected_ap(r, m, m),
        "map@r": chance.expected_ap(r, m, r),
        "map@k": chance.expected_ap(r, m, m.clamp(max=k)),
        "ndcg": chance.expected_ndcg(torch.tensor([gains.sum()]), torch.tensor([ideal]), m, k),
    }
    for name, sample in samples.items():
        error = sample.std() / math.sqrt(draws)
        assert abs(float(got[name]) - sample.mean()) <= 4.5 * error + 1e-12, name
