"""Metrics that other libraries also define have equal values there."""

import numpy as np
import pytest
import torch
from torchmetrics.functional.retrieval import (
    retrieval_average_precision,
    retrieval_hit_rate,
    retrieval_normalized_dcg,
    retrieval_precision,
)

from keyart.catalogue.relevance import POSITIVE_GAIN, Relevance
from keyart.metrics.functional import evaluate_retrieval

N = 240


@pytest.fixture(scope="module")
def embeddings():
    return torch.nn.functional.normalize(torch.randn(N, 16, generator=torch.Generator().manual_seed(1)), dim=1)


def ids():
    return [f"tt{i:04d}" for i in range(N)]


def test_torchmetrics(embeddings):
    """Shift the scores: torchmetrics treats scores ≤ 0 as not relevant."""
    genres = torch.rand(N, 6, generator=torch.Generator().manual_seed(2)) < 0.3
    relevance = Relevance("jaccard")
    result = evaluate_retrieval(embeddings, genres, ids(), relevance=relevance, genre_names=list("abcdef"))
    gains = relevance(genres, genres)
    others = ~torch.eye(N, dtype=torch.bool)
    checked = 0
    for i in range(N):
        score, gain = (embeddings @ embeddings[i] + 2)[others[i]], gains[i][others[i]]
        relevant = gain >= POSITIVE_GAIN
        if not relevant.any():
            assert np.isnan(result.per_query["map"][i])
            continue
        checked += 1
        want = {
            "ndcg@10": retrieval_normalized_dcg(score, gain, top_k=10),
            "map": retrieval_average_precision(score, relevant),
            "precision@10": retrieval_precision(score, relevant, top_k=10),
            "recall@5": retrieval_hit_rate(score, relevant, top_k=5),
        }
        for name, value in want.items():
            assert result.per_query[name][i] == pytest.approx(float(value), abs=1e-5), (name, i)
    assert checked > N // 2


@pytest.mark.parametrize("classes", [4, 60, 200])
def test_pytorch_metric_learning(embeddings, classes):
    """Use single labels; with many classes some items have no partner, and both libraries leave them out."""
    calculator = pytest.importorskip("pytorch_metric_learning.utils.accuracy_calculator")
    labels = torch.randint(0, classes, (N,), generator=torch.Generator().manual_seed(3))
    placed = embeddings + 0.6 * torch.nn.functional.one_hot(labels % 16, 16)
    peer = calculator.AccuracyCalculator(
        include=("precision_at_1", "mean_average_precision_at_r", "mean_average_precision"),
        k=None,
        device=torch.device("cpu"),
    ).get_accuracy(torch.nn.functional.normalize(placed), labels)
    at_20 = calculator.AccuracyCalculator(
        include=("mean_average_precision",), k=20, device=torch.device("cpu")
    ).get_accuracy(torch.nn.functional.normalize(placed), labels)
    ours = evaluate_retrieval(
        placed,
        torch.nn.functional.one_hot(labels, classes),
        ids(),
        relevance=Relevance("exact"),
        genre_names=[str(c) for c in range(classes)],
        metrics=["recall@1", "map@r", "map", "map@20"],
    )
    assert ours.summary["recall@1"] == pytest.approx(peer["precision_at_1"], abs=1e-7)
    assert ours.summary["map@r"] == pytest.approx(peer["mean_average_precision_at_r"], abs=1e-6)
    assert ours.summary["map"] == pytest.approx(peer["mean_average_precision"], abs=1e-6)
    assert ours.summary["map@20"] == pytest.approx(at_20["mean_average_precision"], abs=1e-6)
    alone = int((torch.bincount(labels) == 1).sum())
    assert ours.left_out["map"] == alone
    assert (alone > 0) == (classes > 4)
