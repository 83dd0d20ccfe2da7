"""RetrievalMetrics as a torchmetrics Metric: state, duplicates, pickling, copies, several processes."""

import copy
import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from keyart.errors import InputError
from keyart.metrics.functional import evaluate_retrieval
from tests.metrics import ddp_metric
from tests.metrics.ddp_metric import ROUNDS, N, feed, make


def expected():
    metric, embeddings = make()
    return evaluate_retrieval(
        embeddings.float(),
        metric.genres,
        metric.ids,
        relevance=metric.relevance,
        genre_names=metric.genre_names,
        years=metric.years,
        groups=metric.groups,
    )


def floats(result):
    return {name: float(value) for name, value in result.items()}


def test_batches_in_any_order_and_padding_twice():
    metric, embeddings = make()
    order = np.random.default_rng(1).permutation(N)
    feed(metric, embeddings, [order[:20], order[20:], order[:9]])
    want = expected()
    assert floats(metric.compute()) == pytest.approx(want.summary, abs=1e-12, nan_ok=True)
    assert metric.judgement.queries == N
    assert metric.judgement.left_out == want.left_out
    assert metric.judgement.chance == pytest.approx(want.chance, nan_ok=True)


def test_only_posters_seen_are_the_gallery():
    metric, embeddings = make()
    feed(metric, embeddings, [range(10, 30)])
    metric.compute()
    assert metric.judgement.gallery == 20
    assert set(metric.judgement.ids) == set(metric.ids[10:30])


def test_reset_pickle_and_clone():
    metric, embeddings = make()
    feed(metric, embeddings, [range(0, 25)])
    for twin in (pickle.loads(pickle.dumps(metric)), metric.clone(), copy.deepcopy(metric)):
        feed(twin, embeddings, [range(25, N)])
        assert floats(twin.compute()) == pytest.approx(expected().summary, abs=1e-12, nan_ok=True)
    metric.reset()
    assert metric.judgement is None
    with pytest.warns(UserWarning, match="before"), pytest.raises(InputError, match="no batch was seen"):
        metric.compute()
    feed(metric, embeddings, [range(0, N)])
    assert floats(metric.compute()) == pytest.approx(expected().summary, abs=1e-12, nan_ok=True)


def test_state_keeps_no_graph_and_half_precision_is_widened():
    metric, embeddings = make()
    metric.update(embeddings[:4].bfloat16().requires_grad_(), torch.arange(4))
    assert metric.embedding[0].dtype == torch.float32
    assert not metric.embedding[0].requires_grad


@pytest.mark.parametrize("index", [torch.arange(3), torch.zeros(4, 1, dtype=torch.int64)])
def test_shapes_that_do_not_fit_raise(index):
    metric, embeddings = make()
    with pytest.raises(ValueError, match="a batch is"):
        metric.update(embeddings[:4], index)


def test_an_unknown_metric_is_told_at_once():
    with pytest.raises(InputError, match="'nDCG' is unknown"):
        type(make()[0])(np.ones((1, 1)), ["a"], relevance=None, genre_names=["x"], metrics=["nDCG"])


def test_two_processes_give_the_metrics_of_one(tmp_path):
    root = Path(__file__).resolve().parents[2]
    workers = [
        subprocess.Popen(
            [sys.executable, ddp_metric.__file__, str(rank), "2", str(tmp_path)],
            cwd=root,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    errors = [worker.communicate(timeout=300)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], errors
    assert {i for batches in ROUNDS for part in batches for b in part for i in b} == set(range(N))
    for rank in range(2):
        for found in json.loads((tmp_path / f"{rank}.json").read_text()):
            assert found == pytest.approx(expected().summary, abs=1e-12, nan_ok=True)
