"""Metrics equal their definitions for every way of computing them."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from keyart.catalogue.relevance import Relevance
from keyart.errors import InputError
from keyart.metrics.functional import evaluate_retrieval
from tests.metrics import naive
from tests.metrics.strategies import NAMES, problems


def assert_equals_naive(result, table, queries):
    macro = [name for name in result.summary if "/genre_macro" in name]
    assert set(result.per_query) == set(result.summary) - set(macro)
    # A genre that no query has is a metric without queries, and the reference has no value for it.
    for name in set(result.per_query) - set(table):
        assert "/genre/" in name
        assert np.isnan(result.per_query[name]).all()
        assert result.left_out[name] == 0
    for name, values in table.items():
        want = np.array([math.nan if values.get(q) is None else values[q] for q in queries])
        np.testing.assert_allclose(result.per_query[name], want, rtol=0, atol=1e-12, err_msg=name)
        assert result.left_out[name] == sum(v is None for v in values.values()), name
        known = [v for v in values.values() if v is not None]
        assert result.summary[name] == pytest.approx(np.mean(known), abs=1e-12) if known else True
        assert known or math.isnan(result.summary[name])
    for name in macro:
        suffix = name.partition("/genre_macro")[2]
        parts = {n: v for n, v in table.items() if "/genre/" in n and n.endswith("/dedup") == bool(suffix)}
        means = [np.mean([x for x in v.values() if x is not None]) for v in parts.values() if set(v.values()) != {None}]
        assert result.summary[name] == pytest.approx(np.mean(means), abs=1e-12) if means else True
        assert means or math.isnan(result.summary[name])
        counted = {q for v in parts.values() for q, x in v.items() if x is not None}
        assert result.left_out[name] == len(queries) - len(counted)


@settings(max_examples=150, deadline=None)
@given(problems())
def test_every_metric_equals_the_naive_reference(problem):
    table = naive.evaluate(problem.embeddings, *problem.naive_arguments())
    assert_equals_naive(problem.evaluate(), table, range(len(problem.ids)))


@settings(max_examples=60, deadline=None)
@given(problems(), st.data())
def test_some_queries_in_the_whole_gallery(problem, data):
    queries = np.array(data.draw(st.lists(st.sampled_from(range(len(problem.ids))), min_size=1, unique=True)))
    table = naive.evaluate(problem.embeddings, *problem.naive_arguments(), queries=queries)
    result = problem.evaluate(queries=queries)
    assert_equals_naive(result, table, queries)
    assert result.queries == len(queries)
    assert result.gallery == len(problem.ids)
    assert result.ids.tolist() == [problem.ids[q] for q in queries]


@settings(max_examples=60, deadline=None)
@given(problems(max_size=40))
def test_neighbours_and_full_ranking_agree(problem):
    full = problem.evaluate()
    nearest = problem.evaluate(metrics=problem.names)
    for name in nearest.per_query:
        np.testing.assert_array_equal(nearest.per_query[name], full.per_query[name], err_msg=name)
        assert nearest.left_out[name] == full.left_out[name]


@settings(max_examples=40, deadline=None)
@given(problems(max_size=30), st.sampled_from([1, 600, 5000]))
def test_tile_size_changes_nothing(problem, budget):
    whole, tiled = problem.evaluate(), problem.evaluate(memory_budget=budget)
    assert whole.left_out == tiled.left_out
    for name, values in whole.per_query.items():
        np.testing.assert_array_equal(values, tiled.per_query[name], err_msg=name)
        assert tiled.chance[name] == pytest.approx(whole.chance[name], rel=1e-12, nan_ok=True)


@settings(max_examples=40, deadline=None)
@given(problems(max_size=30), st.randoms(use_true_random=False))
def test_order_of_rows_changes_nothing(problem, random):
    order = list(range(len(problem.ids)))
    random.shuffle(order)
    before = problem.evaluate()
    problem.embeddings, problem.genres = problem.embeddings[order], problem.genres[order]
    problem.ids = [problem.ids[i] for i in order]
    problem.years = None if problem.years is None else problem.years[order]
    problem.groups = None if problem.groups is None else problem.groups[order]
    after = problem.evaluate()
    for name, values in before.per_query.items():
        np.testing.assert_array_equal(values[order], after.per_query[name], err_msg=name)


@pytest.mark.parametrize("metrics", [("recall@1", "map"), ("recall@1",)])
def test_a_query_does_not_find_itself(metrics):
    """Check with orthogonal vectors: a self-match would give 1 everywhere; without it all rows tie, ordered by id."""
    result = evaluate_retrieval(
        np.eye(6),
        np.eye(3)[[0, 1, 2, 0, 1, 2]],
        list("abcdef"),
        relevance=Relevance("exact"),
        genre_names=NAMES,
        metrics=metrics,
    )
    # The first other id is relevant only to d, whose one relevant row is a.
    assert result.per_query["recall@1"].tolist() == [0, 0, 0, 1, 0, 0]
    if "map" in metrics:
        # a b c e f d → rank 3 for a, and so on: 1 / rank of the one relevant row.
        np.testing.assert_allclose(result.per_query["map"], [1 / 3, 1 / 4, 1 / 5, 1, 1 / 2, 1 / 3])


def test_nothing_but_the_query_itself_is_excluded():
    """Check that an exact copy with another id counts, unless groups mark it as a duplicate."""
    arguments = {
        "embeddings": np.array([[1.0, 0], [1, 0], [0.9, 0.1], [0, 1]]),
        "genres": np.array([[1, 0], [1, 0], [0, 1], [1, 0]]),
        "ids": list("abcd"),
        "relevance": Relevance("jaccard"),
        "genre_names": ["x", "y"],
        "metrics": ["recall@1"],
        "groups": np.array([5, 5, 6, 7]),
    }
    result = evaluate_retrieval(**arguments)
    assert result.per_query["recall@1"][0] == 1
    assert result.per_query["recall@1/dedup"][0] == 0
    # Queries without duplicates keep their value; without groups of two or more, there are no dedup metrics.
    assert result.per_query["recall@1/dedup"][3] == result.per_query["recall@1"][3]
    assert "recall@1/dedup" not in evaluate_retrieval(**arguments | {"groups": np.arange(4)}).summary
    assert "recall@1/dedup" not in evaluate_retrieval(**arguments | {"groups": np.full(4, -1)}).summary


def test_decades_only_where_years_are_known():
    arguments = {"relevance": Relevance("jaccard"), "genre_names": ["x"], "metrics": ["recall@1", "precision@2/decade"]}
    embeddings, genres = np.array([[1.0, 0], [1, 1], [0, 1]]), np.ones((3, 1))
    for unknown in (None, np.full(3, np.nan)):
        result = evaluate_retrieval(embeddings, genres, list("abc"), years=unknown, **arguments)
        assert set(result.summary) == {"recall@1"}
    result = evaluate_retrieval(embeddings, genres, list("abc"), years=np.array([1990.0, np.nan, 1999]), **arguments)
    np.testing.assert_array_equal(result.per_query["precision@2/decade"], [0.5, np.nan, 0.5])
    assert result.left_out["precision@2/decade"] == 1


def test_scale_and_type_of_embeddings_do_not_matter():
    rng = np.random.default_rng(0)
    x, genres, ids = rng.normal(size=(60, 8)), rng.random((60, 3)) < 0.4, [f"{i:03d}" for i in range(60)]
    options = {"relevance": Relevance("jaccard"), "genre_names": NAMES}
    want = evaluate_retrieval(x, genres, ids, **options).summary
    for scale in (1e-200, 1e200, rng.random((60, 1)) * 9 + 0.1):
        assert evaluate_retrieval(x * scale, genres, ids, **options).summary == want
    got = evaluate_retrieval(torch.tensor(x, dtype=torch.float32), torch.tensor(genres), ids, **options).summary
    assert got == pytest.approx(want, abs=1e-9)


@pytest.mark.posters
def test_chance_on_real_genres(posters_dir):
    """Check that random vectors with the genres of real posters reach the chance level in every metric."""
    import pandas as pd

    from keyart.metrics.baselines import random_vectors

    table = pd.read_csv(posters_dir / "onehot.csv")
    years = pd.read_csv(posters_dir / "catalogue.csv")["year"].to_numpy()
    rows = np.random.default_rng(0).permutation(len(table))[:1500]
    result = evaluate_retrieval(
        random_vectors(table.img[rows], 64),
        table.iloc[rows, 1:].to_numpy(),
        table.img[rows].to_numpy(),
        relevance=Relevance("jaccard"),
        genre_names=list(table.columns[1:]),
        years=years[rows],
    )
    for name, values in result.per_query.items():
        known = values[np.isfinite(values)]
        if len(known) > 50:
            error = known.std() / math.sqrt(len(known))
            assert abs(result.summary[name] - result.chance[name]) < 5 * error, name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ids": ["a", "b", "a"]}, "'a' occurs more than once"),
        ({"embeddings": np.array([[1.0, 0], [np.nan, 1], [0, 1]])}, "row 1 holds NaN"),
        ({"embeddings": np.array([[1.0, 0], [np.inf, 1], [0, 1]])}, "row 1 holds NaN or infinity"),
        ({"metrics": ["ndcg@0"]}, "'ndcg@0' is unknown"),
        ({"metrics": []}, "none given"),
        ({"embeddings": np.empty((0, 2)), "genres": np.empty((0, 1)), "ids": []}, "none to evaluate"),
    ],
)
def test_bad_input_is_reported(change, message):
    good = {"embeddings": np.eye(3)[:, :2], "genres": np.ones((3, 1)), "ids": list("abc")}
    with pytest.raises(InputError, match=message):
        evaluate_retrieval(**good | {"relevance": Relevance("jaccard"), "genre_names": ["x"]} | change)


@pytest.mark.parametrize(
    "change",
    [
        {"ids": ["a"]},
        {"genres": np.ones((3, 2))},
        {"groups": np.zeros(2)},
        {"years": np.zeros(4)},
        {"genres": np.ones(3)},
    ],
)
def test_shapes_that_do_not_fit_raise(change):
    good = {"embeddings": np.eye(3), "genres": np.ones((3, 1)), "ids": list("abc")}
    with pytest.raises(ValueError, match=r"must"):
        evaluate_retrieval(**good | {"relevance": Relevance("jaccard"), "genre_names": ["x"]} | change)
