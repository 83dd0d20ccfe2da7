"""Summaries of sweeps with known truth."""

import math

import numpy as np
import pytest
from scipy import stats

from keyart.errors import InputError
from keyart.runs.sweep.folder import parse_value, read_sweep
from keyart.runs.sweep.summary import summarise_sweep
from tests.runs.sweep.folders import MONITOR, make_sweep

GRID = ["loss.margin=36,45,55", "model=a,b", "trainer=cpu"]


def parabola(settings):
    """Return a metric for which model b is better, and the best margin is 45 for a and 36 for b."""
    best = {"a": 45, "b": 36}[settings["model"]]
    return 0.4 + 0.05 * (settings["model"] == "b") - 0.0001 * (settings["loss.margin"] - best) ** 2


@pytest.fixture
def summary(tmp_path):
    return summarise_sweep(read_sweep(make_sweep(tmp_path / "s", GRID, parabola)))


def test_the_best_run_and_each_models_best_margin(summary):
    assert summary.sweep.keys == ("loss.margin", "model")
    assert summary.best.settings == {"loss.margin": 36, "model": "b"}
    assert summary.curve == ("loss.margin", "model")
    assert {choice.given: choice.best.value for choice in summary.choices} == {"a": 45, "b": 36}


def test_small_differences_are_found_by_pairing(summary):
    (a, b) = summary.choices
    assert a.as_good == ()
    assert b.as_good == ()
    _, gap = summary.estimates.gaps([a.best.jobs, [job for job in summary.sweep.jobs if job.number == 0]])
    assert gap.value == pytest.approx(0.0081, abs=1e-9)
    assert gap.excludes_zero
    assert a.best.estimate.high - a.best.estimate.low > 5 * (gap.high - gap.low)


def test_equal_margins_are_as_good(tmp_path):
    found = summarise_sweep(read_sweep(make_sweep(tmp_path / "s", ["loss.margin=36,45", "seed=1"], lambda _: 0.4)))
    (choice,) = found.choices
    assert len(choice.as_good) == 1


def test_intervals_are_the_bootstraps_of_the_queries(summary, tmp_path):
    import pandas as pd

    job = summary.sweep.jobs[0]
    values = pd.read_parquet(job.folder / "per_query.parquet")["ndcg@10"].to_numpy()
    estimate = summary.estimates.of([job])
    reach = 1.96 * values.std() / math.sqrt(len(values))
    assert estimate.value == pytest.approx(job.value)
    assert estimate.low == pytest.approx(job.value - reach, abs=0.15 * reach)
    assert estimate.high == pytest.approx(job.value + reach, abs=0.15 * reach)


def test_effects_share_out_the_variance(summary):
    effects = {effect.key: effect for effect in summary.effects}
    assert list(effects) == ["model", "loss.margin"]
    values = np.array([[job.value for job in summary.sweep.jobs if job.settings["model"] == m] for m in "ab"])
    grand = values.mean()
    share = values.shape[1] * ((values.mean(1) - grand) ** 2).sum() / ((values - grand) ** 2).sum()
    assert effects["model"].share == pytest.approx(share)
    assert effects["model"].best.name == "b"
    assert effects["model"].difference.excludes_zero


def test_over_seeds_the_interval_is_students(tmp_path):
    values = {0: 0.40, 1: 0.42, 2: 0.41}
    folder = make_sweep(
        tmp_path / "s",
        ["loss.margin=36,45", "seed=0,1,2"],
        lambda s: values[s["seed"]] + 0.02 * (s["loss.margin"] == 45),
    )
    found = summarise_sweep(read_sweep(folder))
    low, high = stats.t.interval(0.95, 2, loc=0.43, scale=np.std(list(values.values()), ddof=1) / math.sqrt(3))
    assert found.best_setting.value == pytest.approx(0.43)
    assert (found.best_setting.low, found.best_setting.high) == (pytest.approx(low), pytest.approx(high))
    assert found.best.settings == {"loss.margin": 45, "seed": 1}
    assert [effect.key for effect in found.effects] == ["loss.margin"]
    # The difference is the same for every seed: its interval has no width.
    assert found.effects[0].difference.value == pytest.approx(0.02)
    assert found.effects[0].difference.excludes_zero


def test_no_test_metric_is_read(tmp_path):
    """Test metrics need not even exist."""
    import json

    folder = make_sweep(tmp_path / "s", GRID, parabola)
    first = summarise_sweep(read_sweep(folder)).to_dict()
    for file in folder.glob("*/metrics.json"):
        metrics = json.loads(file.read_text())
        file.write_text(json.dumps({key: value for key, value in metrics.items() if not key.startswith("test/")}))
    assert summarise_sweep(read_sweep(folder)).to_dict() == first


def test_failed_and_missing_jobs_are_reported(tmp_path):
    def value_of(settings):
        return None if settings["loss.margin"] == 55 else 0.4

    sweep = read_sweep(make_sweep(tmp_path / "s", GRID, value_of, unfinished=(3,)))
    (tmp_path / "s" / "3").mkdir()
    assert [job.status for job in sweep.jobs] == ["finished"] * 3 + ["not started"] + ["failed"] * 2
    assert read_sweep(tmp_path / "s").jobs[3].status == "unfinished"
    assert sweep.jobs[4].error == "InputError: it could not"
    assert not sweep.complete
    counts = summarise_sweep(sweep).to_dict()["counts"]
    assert counts == {"finished": 3, "pruned": 0, "failed": 2, "unfinished": 0, "not started": 1}


def test_a_sweep_without_a_finished_job_answers_nothing(tmp_path):
    found = summarise_sweep(read_sweep(make_sweep(tmp_path / "s", GRID, lambda _: None)))
    assert found.best is None
    assert found.effects == ()
    assert found.to_dict()["best"] is None


def test_jobs_on_other_queries_are_not_paired(tmp_path):
    import pandas as pd

    folder = make_sweep(tmp_path / "s", GRID, parabola)
    file = folder / "0" / "per_query.parquet"
    table = pd.read_parquet(file)
    table.assign(id=[f"q{i}" for i in range(len(table))]).to_parquet(file)
    found = summarise_sweep(read_sweep(folder))
    jobs = found.sweep.jobs
    assert None in found.estimates.gaps([[jobs[0]], [jobs[1]]])
    assert None not in found.estimates.gaps([[jobs[2]], [jobs[1]]])
    assert math.isnan(found.estimates.of(jobs[:2]).low)


def test_many_drawn_values_are_compared_in_ranges(tmp_path):
    values = ",".join(f"{0.001 * i:.4f}" for i in range(1, 13))
    folder = make_sweep(tmp_path / "s", [f"optimizer.lr={values}"], lambda s: 0.4 + 10 * s["optimizer.lr"], search=True)
    (effect,) = summarise_sweep(read_sweep(folder)).effects
    assert [len(level.jobs) for level in effect.levels] == [4, 4, 4]
    assert effect.best.name == "0.009 to 0.012"


def test_many_values_with_several_seeds_are_compared_one_by_one(tmp_path):
    margins = [20, 25, 30, 33, 36, 40, 45, 50, 60]
    swept = [f"loss.margin={','.join(map(str, margins))}", "seed=0,1"]
    folder = make_sweep(tmp_path / "s", swept, lambda s: 0.4 - 0.001 * abs(s["loss.margin"] - 33))
    (effect,) = summarise_sweep(read_sweep(folder)).effects
    assert [(level.name, len(level.jobs)) for level in effect.levels] == [(str(margin), 2) for margin in margins]
    assert effect.best.name == "33"


def test_a_sweep_that_only_hydra_recorded_is_read_from_its_jobs(tmp_path):
    folder = make_sweep(tmp_path / "s", GRID, parabola)
    (folder / "sweep.yaml").unlink()
    (folder / "multirun.yaml").write_text("hydra: {overrides: {task: ['loss.margin=36,45,55'], hydra: []}}")
    assert read_sweep(folder).keys == ("loss.margin", "model")


@pytest.mark.parametrize("content", [None, "[", "overrides: 3"])
def test_what_is_no_sweep_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "sweep.yaml").write_text(content)
    with pytest.raises(InputError, match="sweep"):
        read_sweep(tmp_path)


def test_monitor_is_read_from_the_runs(tmp_path):
    assert read_sweep(make_sweep(tmp_path / "s", GRID, parabola)).monitor == MONITOR


def test_values_are_read_as_hydra_reads_them():
    assert [parse_value(text) for text in ("1e-3", "45", "False", "[1,2]", "nan")] == [0.001, 45, False, "[1,2]", "nan"]
