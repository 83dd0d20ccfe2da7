"""What goes into metrics.json and per_query.parquet."""

import json
import math

import numpy as np
import pytest

from keyart.retrieval import Judgement, lift, merge_frozen, per_query_table


def made(summary, chance, ids=("a", "b"), left_out=0):
    per_query = {name: np.array([value, math.nan]) for name, value in summary.items()}
    return Judgement(np.array(ids, dtype=object), 2, 2, summary, chance, dict.fromkeys(summary, left_out), per_query)


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
    assert lift(0.2, 0.3, 0.1) == pytest.approx(0.5)
    assert lift(0.2, 0.1, 0.1 + 1e-12) is None
    assert lift(math.nan, 0.1, 0.3) is None
    assert lift(0.2, 0.1, math.nan) is None


def test_table_has_a_row_a_query(tmp_path):
    table = per_query_table(made({"map": 0.4}, {"map": 0.1}), "test")
    table.to_parquet(tmp_path / "t.parquet")
    assert list(table.columns) == ["id", "split", "map"]
    assert table.id.tolist() == ["a", "b"]
    assert set(table.split) == {"test"}
    assert table["map"].isna().tolist() == [False, True]
