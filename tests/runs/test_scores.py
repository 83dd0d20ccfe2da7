import re

import numpy as np
import pandas as pd
import pytest

from keyart.reports.charts.genre_bars import GenreRow, draw_genre_bars, genre_rows
from keyart.reports.numbers import number
from keyart.reports.score_table import headline, score_tables
from keyart.reports.stylesheet import rules
from keyart.reports.theme import LIGHT
from keyart.runs.evaluation.scores import Score, collect_scores
from keyart.utils.bootstrap import Interval

NAN = float("nan")


def table(split="test", **columns):
    return pd.DataFrame({"id": [f"p{i}" for i in range(len(next(iter(columns.values()))))], "split": split, **columns})


def metrics_of(frame, frozen=None, split="test"):
    flat = {f"{split}/queries": len(frame)}
    for name in frame.columns.drop(["id", "split"]):
        flat |= {f"{split}/{name}": float(frame[name].mean()), f"{split}/{name}/chance": 0.1}
        if frozen is not None:
            flat[f"{split}/{name}/frozen"] = float(frozen[name].mean())
    return flat


def test_differences_are_paired_by_id_not_by_row():
    rng = np.random.default_rng(0)
    base = rng.random(200)
    ours, frozen = table(map=base + 0.01), table(map=base)
    shuffled = frozen.sample(frac=1, random_state=1)
    (score,) = collect_scores(metrics_of(ours, frozen), "test", ours, shuffled)
    assert score.difference.low == pytest.approx(0.01)
    assert score.difference.high == pytest.approx(0.01)
    assert score.interval.high - score.interval.low > 0.05


def test_queries_left_out_of_either_are_left_out_of_the_difference():
    ours, frozen = table(map=[0.5, NAN, 0.9, 0.7]), table(map=[0.1, 0.2, NAN, 0.3])
    (score,) = collect_scores(metrics_of(ours, frozen), "test", ours, frozen)
    assert score.difference.n_queries == 2
    assert score.difference.value == pytest.approx(0.4)
    assert score.interval.n_queries == 3


def test_other_splits_rows_do_not_count():
    both = pd.concat([table(map=[0.2, 0.4]), table("val", map=[0.9, 0.9])])
    (score,) = collect_scores({"test/map": 0.3, "test/map/chance": 0.1}, "test", both)
    assert score.interval.value == pytest.approx(0.3)


def test_the_mean_over_genres_is_resampled_through_its_genres():
    rng = np.random.default_rng(1)
    genres = {f"precision@10/genre/{g}": np.where(rng.random(120) < 0.4, rng.random(120), NAN) for g in "AB"}
    ours = table(**genres)
    flat = metrics_of(ours)
    flat |= {"test/precision@10/genre_macro": 0.5, "test/precision@10/genre_macro/chance": 0.1}
    score = {s.key: s for s in collect_scores(flat, "test", ours)}["precision@10/genre_macro"]
    columns = [np.array(v) for v in genres.values()]
    assert score.interval.value == pytest.approx(np.mean([np.nanmean(c) for c in columns]))
    # The genres' columns are nearly independent, so their mean's variance is a quarter of the sum of theirs.
    spread = np.sqrt(sum(np.nanvar(c) / np.isfinite(c).sum() for c in columns) / 4)
    assert score.interval.high - score.interval.low == pytest.approx(2 * 1.96 * spread, rel=0.15)


def test_tables_of_other_queries_are_refused():
    ours, frozen = table(map=[0.1, 0.2]), table(map=[0.1, 0.2]).assign(id=["p0", "other"])
    with pytest.raises(ValueError, match="not the same"):
        collect_scores(metrics_of(ours, frozen), "test", ours, frozen)


def test_without_tables_there_are_figures_but_no_intervals():
    (score,) = collect_scores({"eval/map": 0.3, "eval/map/chance": 0.1, "eval/map/lift": None}, "eval")
    assert score == Score("map", 0.3, 0.1, None, None)


def test_tables_show_undefined_figures_as_dashes_and_fold_genres_away():
    scores = [
        Score("ndcg@10", 0.3, 0.2, 0.25, 2.0),
        Score("map", None, None, None, None),
        Score("map/dedup", 0.1, 0.1, 0.1, None),
        Score("precision@10/genre/<b>", 0.3, 0.2, 0.1, -1.0),
    ]
    html = score_tables(scores, "ndcg@10", "9 queries in 9 posters.")
    assert html.count("<table>") == 3
    assert html.count("<details>") == 2
    assert "&lt;b&gt;" in html
    assert "–" in html
    assert "−0.100" not in html.split("<details>")[0]
    assert ">2.00<" in headline(scores, "ndcg@10")
    assert "0.300" in headline([Score("ndcg@10", 0.3, 0.2, None, None)], "ndcg@10")
    assert headline([], "ndcg@10") == ""
    assert number(float("nan")) == "–"


def test_better_worse_and_no_difference_look_unlike():
    """Signs and classes differ, not only one colour for all significant differences."""
    gaps = {"map": (0.1, 0.05, 0.15), "recall@1": (-0.1, -0.15, -0.05), "ndcg@10": (0.01, -0.1, 0.1)}
    scores = [Score(key, 0.3, 0.1, 0.2, 2.0, None, Interval(*gap, 90)) for key, gap in gaps.items()]
    html = score_tables(scores, "ndcg@10", "")
    cells = re.findall(r'<td class="([a-z-]+)"><span class="sign"[^>]*aria-label="([a-z ]+)"[^>]*>(.)</span>', html)
    assert cells == [("better", "better", "▲"), ("worse", "worse", "▼"), ("no-difference", "no difference", "=")]
    colours = [re.search(rf"td\.{name} {{ color: var\(--(\w+)\)", rules())[1] for name, _, _ in cells]
    assert len({getattr(LIGHT, colour) for colour in colours}) == 3


def test_a_missing_lift_says_why():
    assert "not measured" in headline([Score("ndcg@10", 0.3, 0.2, None, None)], "ndcg@10")
    assert "its own noise" in headline([Score("ndcg@10", 0.3, 0.2, 0.21, None)], "ndcg@10")


def test_genre_bars_mark_what_is_better_and_worse():
    gaps = [Interval(0.1, 0.05, 0.15, 9), Interval(-0.1, -0.15, -0.05, 9), Interval(0.0, -0.1, 0.1, 9)]
    rows = [GenreRow(f"G{i}", 0.4, 0.1, 0.3, 9, None, gap) for i, gap in enumerate(gaps)]
    lines = draw_genre_bars(rows, LIGHT).axes[0].get_lines()
    marks = {
        (line.get_marker(), line.get_color(), float(line.get_ydata()[0]))
        for line in lines
        if len(line.get_ydata()) == 1
    }
    assert {(marker, colour, y) for marker, colour, y in marks if marker in "^v"} == {
        ("^", LIGHT.better, 0.0),
        ("v", LIGHT.worse, 1.0),
    }


def test_genre_rows_are_sorted_and_leave_out_the_undefined():
    key = "test/precision@10/genre/"
    flat = {
        f"{key}Drama": 0.2,
        f"{key}Drama/chance": 0.1,
        f"{key}Drama/frozen": 0.15,
        f"{key}Drama/dedup": 0.19,
        f"{key}War": None,
        f"{key}Comedy": 0.4,
        "val/precision@10/genre/Drama": 0.9,
        "test/precision@10/genre_macro": 0.3,
    }
    rows = genre_rows(flat, "test", {"Drama": 7})
    assert [(r.name, r.value, r.chance, r.frozen, r.posters) for r in rows] == [
        ("Comedy", 0.4, None, None, None),
        ("Drama", 0.2, 0.1, 0.15, 7),
    ]
