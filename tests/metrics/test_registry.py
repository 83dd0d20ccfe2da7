"""Metrics are declared once, chosen by name, and a new one is one function and one line."""

import json
import sys

import numpy as np
import pytest

from keyart.catalogue.relevance import Relevance
from keyart.config.preflight import preflight
from keyart.errors import InputError
from keyart.metrics.functional import evaluate_retrieval
from keyart.metrics.registry import DEFAULT_METRICS, METRICS, find_metrics, result_names
from tests.helpers import draw_posters
from tests.runs.conftest import train_small

RECIPROCAL_RANK = '''
import torch

from keyart.metrics.chance import expected_recall
from keyart.metrics.metric import Metric


def reciprocal_rank(k):
    """1 over the rank of the first relevant row among the k nearest, else 0."""

    def value(r):
        hits = r.hits(k)
        return (hits / torch.arange(1, hits.shape[1] + 1, device=hits.device)).amax(dim=1)

    def chance(r):
        reached = [expected_recall(r.relevant, r.n, i) for i in range(k + 1)]
        return sum((reached[i] - reached[i - 1]) / i for i in range(1, k + 1))

    return Metric(f"mrr@{k}", value, chance, depth=k)


MRR_5 = reciprocal_rank(5)
'''


@pytest.fixture
def added(tmp_path, monkeypatch):
    """Add a metric by the steps of CONTRIBUTING.md: one new file and one line in the registry."""
    (tmp_path / "reciprocal.py").write_text(RECIPROCAL_RANK)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(METRICS, "mrr@K", "reciprocal.reciprocal_rank")
    yield
    sys.modules.pop("reciprocal", None)


def test_an_added_metric_is_in_a_runs_metrics(added, tmp_path):
    chosen = "evaluation.metrics=[mrr@10,recall@1,reciprocal.MRR_5,precision@10/genre]"
    posters = draw_posters(tmp_path / "drawn", 100)
    tiny = ["model.backbone=test_resnet", "model.weights=none", "training.head_epochs=1"]
    run = train_small(tmp_path / "run", posters, *tiny, chosen, "monitor=val/mrr@10", "callbacks.report=true")
    metrics = json.loads((run.folder / "metrics.json").read_text())
    for name in ("mrr@10", "mrr@5", "recall@1", "precision@10/genre_macro"):
        for end in ("", "/chance", "/frozen"):
            assert 0 < metrics[f"test/{name}{end}"] <= 1, name + end
        assert f"test/{name}/lift" in metrics
    assert metrics["test/recall@1"] <= metrics["test/mrr@5"] <= metrics["test/mrr@10"]
    assert not [key for key in metrics if "ndcg" in key or "map" in key or "decade" in key]
    assert "mrr@10" in (run.folder / "report.html").read_text()
    assert "val/mrr@10/chance" in (run.folder / "metrics.csv").read_text().splitlines()[0]


def test_an_added_metrics_chance_is_its_mean_over_random_rankings(added):
    rng = np.random.default_rng(0)
    n, genres = 120, np.eye(6, dtype=bool)[rng.integers(6, size=120)]
    ids, relevance = [f"{i:03d}" for i in range(n)], Relevance("exact")

    def evaluated():
        vectors = rng.normal(size=(n, 40))
        return evaluate_retrieval(vectors, genres, ids, relevance=relevance, genre_names="abcdef", metrics=["mrr@10"])

    values = np.array([evaluated().per_query["mrr@10"] for _ in range(40)])
    error = values.std() / np.sqrt(values.size)
    assert evaluated().chance["mrr@10"] == pytest.approx(values.mean(), abs=5 * error)


@pytest.mark.parametrize("pattern", METRICS)
def test_every_registered_metric_declares_itself_by_its_name(pattern):
    for k in ("3", "20"):
        name = pattern.replace("K", k)
        (metric,) = find_metrics([name])
        assert metric.name == name
        assert metric.depth == (int(k) if "K" in pattern else {"map": "all", "map@r": "relevant"}[name])
        assert (sys.modules[METRICS[pattern].rpartition(".")[0]]).__doc__


def test_names_are_checked_without_torch():
    assert result_names([*DEFAULT_METRICS, "map"]) == list(DEFAULT_METRICS)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["evaluation.metrics=[ndgc@10]"], ["'ndgc@10' is unknown", "did you mean ndcg@10?", "recall@K"]),
        (["evaluation.metrics=[map@s]"], ["'map@s' is unknown", "did you mean map@"]),
        (["evaluation.metrics=[]"], ["none given"]),
        (["evaluation.metrics=map"], ["evaluation.metrics=map", "[ndcg@10,map]"]),
        (["evaluation.metrics=[ndcg@10,no_such.metric]"], ["'no_such.metric'", "package.module.name"]),
        (["evaluation.metrics=[ndcg@10,json.dumps]"], ["'json.dumps'"]),
        (["evaluation.metrics=[map,recall@1]"], ["monitor=val/ndcg@10", "val/map, val/recall@1"]),
        (["monitor=val/ndgc@10"], ["monitor=val/ndgc@10", "did you mean val/ndcg@10?"]),
        (["monitor=val/precision@10/genre"], ["did you mean val/precision@10/genre_macro?"]),
    ],
    ids=str,
)
def test_what_is_not_computed_is_refused_in_one_line_before_anything_is_read(arguments, named):
    with pytest.raises(InputError) as caught:
        preflight(arguments)
    assert "\n" not in str(caught.value)
    for part in named:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    "arguments",
    [
        ["evaluation.metrics=[recall@3,ndcg@10]"],
        ["evaluation.metrics=[precision@20/genre]", "monitor=val/precision@20/genre_macro"],
        ["monitor=val/precision@10/genre/Drama"],
        ["monitor=val/map/dedup"],
    ],
    ids=str,
)
def test_what_is_computed_may_be_monitored(arguments):
    assert preflight(arguments) == arguments
