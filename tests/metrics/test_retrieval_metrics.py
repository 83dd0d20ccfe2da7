"""RetrievalMetrics as a torchmetrics Metric: state, duplicates, pickling, copies, several processes."""

import copy
import json
import pickle

import numpy as np
import pytest
import torch

from keyart.errors import InputError
from keyart.metrics.functional import evaluate_retrieval
from keyart.metrics.retrieval_metrics import RetrievalMetrics
from tests.forked import run_two
from tests.metrics import ddp_metric
from tests.metrics.ddp_metric import ROUNDS, N, feed, make


def expected():
    metric, data, embeddings = make()
    return evaluate_retrieval(
        embeddings.float(),
        data["labels"],
        data["ids"],
        relevance=metric.relevance,
        genre_names=metric.label_names,
        years=data["years"],
        groups=data["groups"],
    )


def floats(result):
    return {name: float(value) for name, value in result.items()}


def test_batches_in_any_order_and_padding_twice():
    metric, data, embeddings = make()
    order = np.random.default_rng(1).permutation(N)
    feed(metric, data, embeddings, [order[:20], order[20:], order[:9]])
    want = expected()
    assert floats(metric.compute()) == pytest.approx(want.summary, abs=1e-12, nan_ok=True)
    assert metric.result.queries == N
    assert metric.result.left_out == want.left_out
    assert metric.result.chance == pytest.approx(want.chance, nan_ok=True)


def test_only_posters_seen_are_the_gallery():
    metric, data, embeddings = make()
    feed(metric, data, embeddings, [range(10, 30)])
    metric.compute()
    assert metric.result.gallery == 20
    assert set(metric.result.ids) == set(data["ids"][10:30])


def test_reset_pickle_and_clone():
    metric, data, embeddings = make()
    feed(metric, data, embeddings, [range(0, 25)])
    for twin in (pickle.loads(pickle.dumps(metric)), metric.clone(), copy.deepcopy(metric)):
        feed(twin, data, embeddings, [range(25, N)])
        assert floats(twin.compute()) == pytest.approx(expected().summary, abs=1e-12, nan_ok=True)
    metric.reset()
    assert metric.result is None
    with pytest.warns(UserWarning, match="before"), pytest.raises(InputError, match="no batch was seen"):
        metric.compute()
    feed(metric, data, embeddings, [range(0, N)])
    assert floats(metric.compute()) == pytest.approx(expected().summary, abs=1e-12, nan_ok=True)


def test_state_keeps_no_graph_and_half_precision_is_widened():
    metric, data, embeddings = make()
    feed(metric, data, embeddings.bfloat16().requires_grad_(), [range(4)])
    assert metric.embedding[0].dtype == torch.float32
    assert not metric.embedding[0].requires_grad


@pytest.mark.parametrize("labels", [torch.arange(3), torch.zeros(4, 1, 1, dtype=torch.int64)])
def test_shapes_that_do_not_fit_raise(labels):
    metric, _, embeddings = make()
    with pytest.raises(ValueError, match="a batch is"):
        metric.update(embeddings[:4], labels, list("abcd"))


def test_an_unknown_metric_is_reported_at_once():
    with pytest.raises(InputError, match="'nDCG' is unknown"):
        RetrievalMetrics(metrics=["nDCG"])


def test_ids_of_any_kind_and_none():
    _, data, embeddings = make()
    found = []
    for ids in (None, torch.arange(N), [f"Amélie {i:02d}" for i in range(N)]):
        metric = RetrievalMetrics()
        for at in (slice(0, 20), slice(20, N)):
            metric.update(embeddings[at], data["labels"][at], None if ids is None else ids[at])
        found.append(floats(metric.compute()))
        assert set(metric.result.ids) == set(
            map(str, range(N) if ids is None else (i if isinstance(i, str) else int(i) for i in ids))
        )
    assert found[0] == pytest.approx(found[1], abs=1e-12, nan_ok=True)
    assert found[0] == pytest.approx(found[2], abs=1e-12, nan_ok=True)
    with pytest.raises(InputError, match="more than 256 bytes"):
        metric.update(embeddings[:1], data["labels"][:1], ["a" * 257])


def test_class_numbers_are_one_label_each():
    _, _, embeddings = make()
    classes = np.random.default_rng(3).integers(0, 7, N) * 11
    metric = RetrievalMetrics()
    metric.update(embeddings, torch.from_numpy(classes))
    hot = np.eye(7, dtype=bool)[classes // 11]
    want = evaluate_retrieval(embeddings.float(), hot).summary
    found = floats(metric.compute())
    assert found == pytest.approx({name: want[name] for name in found}, abs=1e-12, nan_ok=True)
    assert "ndcg@10" in found
    assert not any("/genre" in name for name in found)


def test_a_metric_has_chance_and_an_interval():
    metric, data, embeddings = make()
    feed(metric, data, embeddings, [range(N)])
    metric.compute()
    found = metric.result["ndcg@10"]
    assert found.value == metric.result.summary["ndcg@10"]
    assert found.chance == metric.result.chance["ndcg@10"]
    assert found.interval.low < found.value < found.interval.high
    assert metric.result["precision@10/genre_macro"].interval is None
    with pytest.raises(KeyError, match="choose one of"):
        metric.result["nDCG"]


def test_two_processes_give_the_metrics_of_one(tmp_path):
    run_two(ddp_metric.work, tmp_path)
    assert {i for batches in ROUNDS for part in batches for b in part for i in b} == set(range(N))
    for rank in range(2):
        for found in json.loads((tmp_path / f"{rank}.json").read_text()):
            assert found == pytest.approx(expected().summary, abs=1e-12, nan_ok=True)
