"""Content of metrics.json and per_query.parquet."""

import json
import math

import numpy as np
import pytest

from keyart.catalogue.relevance import Relevance
from keyart.metrics.functional import evaluate_retrieval
from keyart.metrics.result import RetrievalResult, lift, merge_frozen, ratio, standard_error
from keyart.runs.evaluation.scores import per_query_table


def made(summary, chance, ids=("a", "b"), left_out=0, error=0.0):
    per_query = {name: np.array([value, math.nan]) for name, value in summary.items()}
    errors, left = dict.fromkeys(summary, error), dict.fromkeys(summary, left_out)
    return RetrievalResult(np.array(ids, dtype=object), 2, 2, summary, chance, errors, left, per_query)


def test_flat_entries():
    ours = made({"map": 0.4, "ndcg@10/dedup": 0.3}, {"map": 0.1, "ndcg@10/dedup": 0.1}, left_out=1)
    frozen = made({"map": 0.2, "ndcg@10/dedup": 0.1}, {"map": 0.1, "ndcg@10/dedup": 0.1})
    flat = merge_frozen(ours, frozen, "test")
    assert flat == {
        "test/queries": 2,
        "test/gallery": 2,
        "test/map": 0.4,
        "test/map/chance": 0.1,
        "test/map/frozen": 0.2,
        "test/map/lift": pytest.approx(3.0),
        "test/map/left_out": 1,
        "test/ndcg@10/dedup": 0.3,
        "test/ndcg@10/dedup/chance": 0.1,
        "test/ndcg@10/dedup/frozen": 0.1,
        "test/ndcg@10/dedup/lift": None,
        "test/ndcg@10/dedup/left_out": 1,
    }


@pytest.mark.parametrize("frozen", [None, made({"map": math.nan}, {"map": 0.1}), made({}, {})])
def test_undefined_is_null_never_nan(frozen):
    flat = merge_frozen(made({"map": math.nan}, {"map": math.nan}, left_out=2), frozen, "val")
    assert flat["val/map"] is flat["val/map/frozen"] is flat["val/map/lift"] is None
    json.dumps(flat, allow_nan=False)


def test_another_gallery_is_refused():
    ours = made({"map": 0.4}, {"map": 0.1})
    with pytest.raises(ValueError, match="other posters"):
        merge_frozen(ours, made({"map": 0.4}, {"map": 0.1}, ids=("a", "c")), "val")


def test_lift():
    assert lift(0.1, 0.1, 0.3) == 0
    assert lift(0.3, 0.1, 0.3) == 1
    assert lift(0.2, 0.3, 0.1) is None
    assert lift(0.2, 0.1, 0.1 + 1e-12) is None
    assert lift(math.nan, 0.1, 0.3) is None
    assert lift(0.2, 0.1, math.nan) is None


@pytest.mark.parametrize(("error", "known"), [(0.0, True), (0.05, True), (0.052, False), (math.nan, False)])
def test_a_unit_within_its_noise_gives_no_lift(error, known):
    """Use 1.96 · 0.051 = 0.1, the difference between the frozen backbone and chance."""
    assert lift(0.4, 0.1, 0.2, error) == (pytest.approx(3.0) if known else None)
    assert ratio(0.3, 0.1, error) == (pytest.approx(3.0) if known else None)
    flat = merge_frozen(made({"map": 0.4}, {"map": 0.1}), made({"map": 0.2}, {"map": 0.1}, error=error), "test")
    assert flat["test/map/lift"] == (pytest.approx(3.0) if known else None)
    assert flat["test/map/frozen"] == 0.2


def test_standard_error_of_a_mean_of_means_equals_resampling():
    rng = np.random.default_rng(0)
    table = rng.random((300, 3)) + np.arange(3)
    table[rng.random(table.shape) < 0.5] = np.nan
    table[:, 2][5:] = np.nan
    assert standard_error(table[:, 0]) == pytest.approx(
        np.nanstd(table[:, 0], ddof=1) / (~np.isnan(table[:, 0])).sum() ** 0.5, rel=0.01
    )
    samples = [np.nanmean(np.nanmean(table[rng.integers(0, 300, 300)][:, :2], axis=0)) for _ in range(4000)]
    assert standard_error(table[:, :2]) == pytest.approx(np.std(samples), rel=0.05)
    assert math.isnan(standard_error(np.array([1.0, np.nan])))


def test_genres_at_chance_have_no_lift_and_others_have():
    """Check vectors that contain one genre of two: real runs had lifts of −8 and 19 for genres the backbone ignores."""
    rng = np.random.default_rng(3)
    genres = rng.random((400, 2)) < 0.4
    frozen = np.concatenate([genres[:, :1] + rng.normal(0, 1.0, (400, 1)), rng.normal(0, 1.0, (400, 4))], axis=1)
    ours = np.concatenate([genres + rng.normal(0, 0.3, (400, 2)), rng.normal(0, 0.3, (400, 4))], axis=1)
    evaluated = [
        evaluate_retrieval(
            vectors - vectors.mean(0),
            genres,
            [f"{i:03d}" for i in range(400)],
            relevance=Relevance("jaccard"),
            genre_names=["Drama", "Music"],
            metrics=["ndcg@10", "precision@10/genre"],
        )
        for vectors in (ours, frozen)
    ]
    flat = merge_frozen(*evaluated, "test")
    key = "test/precision@10/genre/Music"
    gap = flat[f"{key}/frozen"] - flat[f"{key}/chance"]
    assert abs(gap) < 1.96 * evaluated[1].errors["precision@10/genre/Music"]
    assert abs((flat[key] - flat[f"{key}/chance"]) / gap) > 3
    assert flat[f"{key}/lift"] is None
    for name in ("ndcg@10", "precision@10/genre/Drama", "precision@10/genre_macro"):
        assert flat[f"test/{name}/lift"] > 1


def test_table_has_a_row_a_query(tmp_path):
    table = per_query_table(made({"map": 0.4}, {"map": 0.1}), "test")
    table.to_parquet(tmp_path / "t.parquet")
    assert list(table.columns) == ["id", "split", "map"]
    assert table.id.tolist() == ["a", "b"]
    assert set(table.split) == {"test"}
    assert table["map"].isna().tolist() == [False, True]
