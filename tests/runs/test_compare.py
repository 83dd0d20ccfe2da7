"""Comparison of runs: paired intervals against loops, and runs that cannot be compared."""

import io
import json
import re
import sys

import numpy as np
import pandas as pd
import pytest
import yaml
from rich.console import Console

from keyart.cli import app as cli
from keyart.cli.comparison_table import print_comparison
from keyart.errors import InputError
from keyart.runs.compare import compare_runs
from keyart.runs.run import Run

N, CHANCE, FROZEN = 80, 0.1, 0.2
METRICS = ("ndcg@10", "map", "precision@10/genre/Drama", "precision@10/genre/War")


def per_query(gain, seed=0):
    """Return values that differ from the first run's by ``gain`` and a little noise."""
    common, own = np.random.default_rng(5), np.random.default_rng(seed)
    table = {name: common.random(N) * 0.4 + gain + own.normal(0, 0.01, N) for name in METRICS}
    table["precision@10/genre/War"][10:] = np.nan
    return pd.DataFrame(table)


def make_run(folder, gain=0.0, seed=0, *, fingerprint="abc", split_seed=0, relevance="jaccard", order=None):
    folder.mkdir(parents=True)
    (folder / "embedder").mkdir()
    ids = np.array([f"tt{i:03d}" for i in range(N + 20)])
    splits = np.array(["test"] * N + ["train"] * 20)
    if split_seed:
        splits = np.roll(splits, split_seed)
    config = {
        "name": folder.name,
        "data": {"split_seed": split_seed},
        "evaluation": {"relevance": relevance},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    dataset = {"fingerprint": fingerprint, "catalogue": f"/{fingerprint}.csv", "posters": N + 20}
    (folder / "environment.json").write_text(json.dumps({"dataset": dataset}))
    pd.DataFrame({"id": ids, "split": splits}).to_csv(folder / "splits.csv", index=False)
    table = per_query(gain, seed)
    means = table.mean()
    means["precision@10/genre_macro"] = means[[m for m in METRICS if "/genre/" in m]].mean()
    metrics = {"test/queries": N, "test/gallery": N}
    for name, value in means.items():
        lift = (value - CHANCE) / (FROZEN - CHANCE)
        for end, number in {"": value, "/chance": CHANCE, "/frozen": FROZEN, "/lift": lift}.items():
            metrics[f"test/{name}{end}"] = float(number)
    (folder / "metrics.json").write_text(json.dumps(metrics))
    table.insert(0, "id", ids[:N])
    table.insert(1, "split", "test")
    table.iloc[order if order is not None else slice(None)].to_parquet(folder / "per_query.parquet", index=False)
    return Run.open(folder)


@pytest.fixture
def runs(tmp_path):
    shuffled = np.random.default_rng(1).permutation(N)
    return [
        make_run(tmp_path / "one"),
        make_run(tmp_path / "better", 0.03, 1, order=shuffled),
        make_run(tmp_path / "same", 0.0, 2),
    ]


def test_intervals_equal_loops_over_samples(runs):
    found = compare_runs(runs, replicates=300, seed=3)
    rows = {row.metric: row for row in found.rows}
    assert set(rows) == {"test/ndcg@10", "test/map", "test/precision@10/genre_macro"}
    a, b = per_query(0.0, 0), per_query(0.03, 1)
    rng = np.random.default_rng(3)
    drawn = rng.integers(0, N, (300, N))
    row = rows["test/ndcg@10"]
    gaps = [(b["ndcg@10"].to_numpy() - a["ndcg@10"].to_numpy())[at].mean() for at in drawn]
    ratios = [
        (b["ndcg@10"].to_numpy()[at].mean() - CHANCE) / (a["ndcg@10"].to_numpy()[at].mean() - CHANCE) for at in drawn
    ]
    difference = row.differences[1]
    assert difference.value == pytest.approx(b["ndcg@10"].mean() - a["ndcg@10"].mean())
    assert (difference.low, difference.high) == pytest.approx(np.quantile(gaps, [0.025, 0.975]))
    assert difference.lift_ratio == pytest.approx((b["ndcg@10"].mean() - CHANCE) / (a["ndcg@10"].mean() - CHANCE))
    assert (difference.ratio_low, difference.ratio_high) == pytest.approx(np.quantile(ratios, [0.025, 0.975]))
    genres = [name for name in METRICS if "/genre/" in name]
    macro = [np.mean([np.nanmean((b[g] - a[g]).to_numpy()[at]) for g in genres]) for at in drawn]
    difference = rows["test/precision@10/genre_macro"].differences[1]
    assert (difference.low, difference.high) == pytest.approx(np.quantile(macro, [0.025, 0.975]))


def test_a_ratio_to_a_lift_within_its_noise_is_null(tmp_path):
    """The first run is at chance level, so its lift is not a valid denominator."""
    first, other = make_run(tmp_path / "chance", -0.1), make_run(tmp_path / "good", 0.1, 1)
    assert first.metrics["test/map/lift"] != 0
    for row in compare_runs([first, other]).rows:
        assert row.differences[1].significant
        assert row.differences[1].lift_ratio is row.differences[1].ratio_low is None


def test_what_is_better_is_significant_and_noise_is_not(runs):
    row = compare_runs(runs).rows[0]
    assert row.differences[0] is None
    assert row.differences[1].significant
    assert not row.differences[2].significant
    assert row.lifts[1] > row.lifts[0]


def test_a_run_does_not_differ_from_itself(runs):
    for row in compare_runs([runs[0], runs[0]]).rows:
        difference = row.differences[1]
        assert (difference.value, difference.low, difference.high) == (0, 0, 0)
        assert not difference.significant
        assert difference.lift_ratio == 1


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"fingerprint": "xyz"}, ["other posters", "/xyz.csv"]),
        ({"split_seed": 4}, ["other splits", "data.split_seed=4"]),
        ({"relevance": "any"}, ["evaluation.relevance=any"]),
    ],
)
def test_strangers_are_refused(runs, tmp_path, changed, named):
    other = make_run(tmp_path / "other", **changed)
    with pytest.raises(InputError) as summary:
        compare_runs([runs[0], runs[1], other])
    for part in [str(other.folder), *named]:
        assert part in str(summary.value)
    assert compare_runs(runs).queries == N


def test_one_run_is_too_few(runs):
    with pytest.raises(InputError, match="two runs"):
        compare_runs(runs[:1])


def test_other_queries_are_refused(runs):
    path = runs[1].folder / "per_query.parquet"
    pd.read_parquet(path).iloc[1:].to_parquet(path, index=False)
    with pytest.raises(InputError, match=r"per_query\.parquet contains other test queries"):
        compare_runs(runs[:2])


def test_the_command_prints_the_same_numbers(runs, monkeypatch, capfd):
    monkeypatch.setattr(sys, "argv", ["keyart", "compare", *(str(run.folder) for run in runs), "--json"])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert not stop.value.code
    record = json.loads(capfd.readouterr().out)
    assert record["runs"] == [str(run.folder) for run in runs]
    found = compare_runs(runs)
    row = found.rows[0]
    entries = record["metrics"][row.metric]["runs"]
    assert [entry["value"] for entry in entries] == list(row.values)
    assert "difference" not in entries[0]
    assert entries[1]["significant"] is True
    assert entries[1]["low"] == row.differences[1].low
    out = io.StringIO()
    print_comparison(found, Console(file=out, width=160))
    lines = out.getvalue().splitlines()
    at = next(i for i, line in enumerate(lines) if line.strip().startswith("ndcg@10"))
    assert f"▲ {row.differences[1].value:+.3f}" in lines[at + 1]
    assert "= " in lines[at + 2]
    assert [entry.get("verdict") for entry in entries] == [None, "better", "no difference"]


def test_three_runs_stay_distinguishable_at_80_columns(tmp_path):
    """Names of any length with the same beginning, and one run that is worse."""
    names = [f"efficientnet-lite0-angular-with-kernel-{i}" for i in range(3)]
    runs = [make_run(tmp_path / name, (0, 0.03, -0.03)[seed], seed) for seed, name in enumerate(names)]
    out = io.StringIO()
    print_comparison(compare_runs(runs), Console(file=out, width=80))
    lines = out.getvalue().splitlines()
    for number, name in enumerate(names, 1):
        assert lines[number - 1].startswith(f"{number}  {name}  ")
    table = [line.split() for line in lines if "…" not in line]
    at = next(i for i, cells in enumerate(table) if cells[:1] == ["ndcg@10"])
    assert [table[at][1], table[at + 1][0], table[at + 2][0]] == ["1", "2", "3"]
    assert (table[at + 1][3], table[at + 2][3]) == ("▲", "▼")
    assert "…" not in out.getvalue()
    assert max(map(len, lines[len(names) :])) <= 80
    coloured = io.StringIO()
    print_comparison(compare_runs(runs), Console(file=coloured, width=80, force_terminal=True, color_system="standard"))
    styles = {sign: re.search(rf"\x1b\[([\d;]+)m{sign} ", coloured.getvalue())[1] for sign in "▲▼"}
    assert styles["▲"] != styles["▼"]
