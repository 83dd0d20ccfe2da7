"""The first ranks by float32, with exact scores where the order is uncertain, equal the full ranking in all cases."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings

from keyart.catalogue.relevance import Relevance
from keyart.metrics import functional, shortlist
from keyart.metrics.exact_ranking import EXCLUDED, ExactScores, sort_rows, to_grid
from keyart.metrics.functional import evaluate_retrieval
from tests.metrics.strategies import problems

NAMES = ("map@r", "map@50", "precision@1", "precision@10", "recall@5", "ndcg@10", "precision@10/genre")


def judged(vectors, labels, *, short, monkeypatch, groups=None, metrics=NAMES, **options):
    with monkeypatch.context() as patch:
        if not short:
            patch.setattr(functional, "worthwhile", lambda n, depth: False)
        genres = np.eye(labels.max() + 1, dtype=bool)[labels]
        return evaluate_retrieval(
            vectors,
            genres,
            [f"{i:05d}" for i in range(len(vectors))],
            relevance=Relevance("exact"),
            genre_names=[str(i) for i in range(genres.shape[1])],
            metrics=metrics,
            groups=groups,
            **options,
        )


def assert_same(a, b):
    assert a.summary.keys() == b.summary.keys()
    for name, values in a.per_query.items():
        np.testing.assert_array_equal(values, b.per_query[name], err_msg=name)


def around_centres(seed, n=5000, classes=40, width=16, noise=1.5):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(classes, (n,), generator=generator)
    centres = torch.randn(classes, width, generator=generator)
    return centres[labels] + noise * torch.randn(n, width, generator=generator), labels.numpy()


def equal_in_great_number(seed):
    vectors, labels = around_centres(seed)
    vectors[torch.randperm(5000)[:3000]] = vectors[0].clone()
    return vectors, labels


def equal_in_small_groups(seed):
    vectors, labels = around_centres(seed)
    vectors[1000:4000] = vectors[1000:2000].clone().repeat(3, 1)
    return vectors, labels


def nearly_equal(seed):
    """Create vectors that differ by less than float32's error, so that nearly every order is uncertain."""
    vectors, labels = around_centres(seed, width=4)
    return vectors[:50].repeat(100, 1).double() + 1e-9 * torch.randn(5000, 4, dtype=torch.float64), labels


def on_a_line(seed):
    vectors, labels = around_centres(seed, width=2)
    return vectors, labels


def much_alike(seed):
    """Create vectors within a small cone, like features after a ReLU."""
    vectors, labels = around_centres(seed)
    return vectors * 0.01 + 1.0, labels


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    "draw",
    [around_centres, equal_in_great_number, equal_in_small_groups, nearly_equal, on_a_line, much_alike],
)
def test_what_is_judged_by_shortlists_equals_the_full_ranking(draw, seed, monkeypatch):
    torch.manual_seed(seed)
    vectors, labels = draw(seed)
    groups = np.where(np.arange(5000) % 3 == 0, np.arange(5000) // 9, -1)
    short, full = (judged(vectors, labels, short=s, monkeypatch=monkeypatch, groups=groups) for s in (True, False))
    assert_same(short, full)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(problem=problems(max_size=40))
def test_small_problems_full_of_ties(problem, monkeypatch):
    names = ["map@r", *problem.names]
    with monkeypatch.context() as patch:
        for name, value in {"PART": 3, "_BLOCK": 16, "_GATHERED": 4}.items():
            patch.setattr(shortlist, name, value)
        patch.setattr(functional, "worthwhile", lambda n, depth: False)
        full = problem.judge(metrics=names)
        patch.setattr(functional, "worthwhile", lambda n, depth: True)
        assert_same(problem.judge(metrics=names), full)


def test_few_queries_are_left_to_the_full_ranking_and_the_first_ranks_are_in_exact_order():
    vectors, labels = around_centres(3, n=20_000, classes=100, width=64)
    grid = to_grid(vectors)
    scores = ExactScores(grid)
    lists = shortlist.Shortlists(scores)
    assert lists.usable
    queries = torch.arange(0, 20_000, 40)
    marks = torch.from_numpy(np.eye(100, dtype=np.uint8)[labels].T.copy())
    rows = torch.from_numpy(labels)[queries]
    hidden = torch.arange(len(queries)), queries
    found = lists.nearest(queries, (marks, rows), hidden, 300, 20)
    assert found.keys.shape == (500, 300)
    assert found.sure.mean() > 0.98
    keys = scores.keys(grid[queries], (marks, rows))
    keys[hidden] = EXCLUDED
    full, sure = sort_rows(keys, 300)[found.sure], torch.from_numpy(found.sure)
    assert not ((full ^ found.keys[sure]) & 1).any()
    assert torch.equal(scores.positions(full)[:, :20], scores.positions(found.keys[sure])[:, :20])


def test_products_of_too_little_precision_are_not_used(monkeypatch):
    vectors, labels = around_centres(5)
    want = judged(vectors, labels, short=False, monkeypatch=monkeypatch)

    def rounded(queries, block):
        return (block.to(torch.bfloat16) @ queries.to(torch.bfloat16).T).float()

    monkeypatch.setattr(shortlist, "_products", rounded)
    assert not shortlist.Shortlists(ExactScores(to_grid(vectors))).usable
    assert_same(judged(vectors, labels, short=True, monkeypatch=monkeypatch), want)


def test_without_onednn_the_same(monkeypatch):
    vectors, labels = around_centres(6)
    want = judged(vectors, labels, short=True, monkeypatch=monkeypatch)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert_same(judged(vectors, labels, short=True, monkeypatch=monkeypatch), want)


def test_memory_and_threads_change_nothing(monkeypatch):
    vectors, labels = around_centres(7)
    want = judged(vectors, labels, short=True, monkeypatch=monkeypatch)
    assert_same(judged(vectors, labels, short=True, monkeypatch=monkeypatch, memory_budget=2**20), want)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        assert_same(judged(vectors, labels, short=True, monkeypatch=monkeypatch), want)
    finally:
        torch.set_num_threads(threads)
    queries = np.arange(0, 5000, 7)
    some = judged(vectors, labels, short=True, monkeypatch=monkeypatch, queries=queries)
    for name, values in some.per_query.items():
        np.testing.assert_array_equal(values, want.per_query[name][queries])


def test_in_inference_mode_as_validation_runs(monkeypatch):
    vectors, labels = around_centres(8)
    want = judged(vectors, labels, short=True, monkeypatch=monkeypatch)
    with torch.inference_mode():
        assert_same(judged(vectors.clone(), labels, short=True, monkeypatch=monkeypatch), want)
