"""Files that a sweep writes at its end."""

import csv
import json
import re

import numpy as np
import pytest
from PIL import Image

from keyart.launch.sweep.finish import finish_sweep, report_sweep
from keyart.reports.sweep.chart import draw_sweep, panel_keys
from keyart.runs.sweep.folder import read_sweep
from keyart.runs.sweep.state import record_pruned
from keyart.runs.sweep.summary import summarise_sweep
from keyart.runs.sweep.table import print_sweep
from tests.runs.sweep.folders import MONITOR, make_sweep
from tests.runs.sweep.test_summary import GRID, parabola


def rows_of(folder):
    with (folder / "sweep.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_has_a_row_a_job_failed_ones_included(tmp_path):
    folder = make_sweep(tmp_path / "s", GRID, lambda s: None if s["model"] == "b" else parabola(s), unfinished=(4,))
    report_sweep(folder)
    rows = rows_of(folder)
    assert [row["job"] for row in rows] == [str(i) for i in range(6)]
    assert [row["status"] for row in rows] == ["finished", "failed", "finished", "failed", "not started", "failed"]
    assert [row["loss.margin"] for row in rows] == ["36", "36", "45", "45", "55", "55"]
    assert rows[1][MONITOR] == ""
    assert rows[1]["error"] == "InputError: it could not"
    assert float(rows[2][MONITOR]) == 0.4
    assert float(rows[2][f"{MONITOR}/low"]) < 0.4 < float(rows[2][f"{MONITOR}/high"])
    assert not [name for name in rows[0] if "test" in name]


def test_a_pruned_job_is_listed_and_takes_no_part_in_estimates(tmp_path, capfd):
    folder = make_sweep(tmp_path / "s", GRID, parabola, search=True, unfinished=(2,))
    (folder / "2" / ".hydra").mkdir(parents=True)
    job = [f"{key}={value}" for key, value in read_sweep(folder).jobs[0].settings.items()]
    (folder / "2" / ".hydra" / "overrides.yaml").write_text(json.dumps(job))
    record_pruned(folder / "2", 7, 0.25)
    assert finish_sweep(folder)
    assert "pruned after epoch 7" in capfd.readouterr().err
    assert rows_of(folder)[2]["status"] == "pruned"
    assert rows_of(folder)[2][MONITOR] == ""
    summary = summarise_sweep(read_sweep(folder))
    assert summary.to_dict()["counts"]["pruned"] == 1
    assert 2 not in {job.number for job in summary.sweep.finished}
    assert "5 of 6 jobs finished, 1 pruned" in (folder / "sweep.html").read_text()


def test_the_chart_draws_a_curve_for_each_model(tmp_path):
    summary = report_sweep(make_sweep(tmp_path / "s", GRID, parabola))
    assert panel_keys(summary) == ["loss.margin", "model"]
    figure = draw_sweep(summary)
    margins, models = figure.axes
    curves = [line for line in margins.lines if len(line.get_xdata()) == 3 and line.get_linestyle() == "-"]
    values = {job.number: job.value for job in summary.sweep.jobs}
    assert [list(line.get_ydata()) for line in curves] == [
        [values[i] for i in (0, 2, 4)],
        [values[i] for i in (1, 3, 5)],
    ]
    assert [text.get_text() for text in margins.get_legend().get_texts()] == ["a", "b"]
    assert [text.get_text() for text in models.get_xticklabels()] == ["a", "b"]
    low, high = margins.get_ylim()
    assert low < min(values.values()) < max(values.values()) < high


def test_picture_and_page_hold_the_answers(tmp_path):
    folder = make_sweep(tmp_path / "s", GRID, parabola)
    report_sweep(folder)
    picture = np.asarray(Image.open(folder / "sweep.png").convert("L"))
    assert picture.shape[1] > 1500
    assert picture.std() > 5
    page = (folder / "sweep.html").read_text()
    assert page.count("<h2") == 4
    assert "<svg" in page
    assert "0.4500" in page
    assert len(re.findall(r'<th scope="row">\d', page)) == 6
    assert "http://" not in page
    assert "https://" not in page


@pytest.mark.parametrize(
    "overrides", [["loss.margin=45"], ["seed=0,1"], ["loss=x,y"], ["a=1,2", "b=1,2", "c=x,y"]], ids=str
)
def test_sweeps_of_any_shape_are_drawn(tmp_path, overrides):
    summary = report_sweep(make_sweep(tmp_path / "s", overrides, lambda s: 0.4 + 0.01 * len(repr(s)) % 3))
    assert (tmp_path / "s" / "sweep.png").stat().st_size > 1000
    assert len(panel_keys(summary)) == len([o for o in overrides if "," in o and "seed" not in o])


def test_a_search_shows_its_progress(tmp_path):
    values = ",".join(f"{0.001 * i:.4f}" for i in range(1, 13))
    summary = report_sweep(
        make_sweep(tmp_path / "s", [f"optimizer.lr={values}"], lambda s: 0.4 + 10 * s["optimizer.lr"], search=True)
    )
    figure = draw_sweep(summary)
    assert [axes.get_xlabel() for axes in figure.axes] == ["optimizer.lr", "job"]


def test_nothing_finished_leaves_a_table_and_a_page_without_a_picture(tmp_path):
    folder = make_sweep(tmp_path / "s", GRID, lambda _: None)
    report_sweep(folder)
    assert len(rows_of(folder)) == 6
    assert not (folder / "sweep.png").exists()
    assert "No job has finished" in (folder / "sweep.html").read_text()


def test_what_has_not_finished_is_reported_with_the_line_that_continues(tmp_path, capfd):
    folder = make_sweep(tmp_path / "s", GRID, lambda s: None if s["model"] == "b" else 0.4)
    assert not finish_sweep(folder)
    out, err = capfd.readouterr()
    assert out == ""
    assert "train.py: job 1 failed: InputError: it could not" in err.splitlines()
    assert err.splitlines()[-1].endswith(f"python train.py -m resume_sweep={folder}")
    assert finish_sweep(make_sweep(tmp_path / "all", GRID, parabola))


def test_a_damaged_result_is_an_unfinished_jobs(tmp_path, capfd):
    folder = make_sweep(tmp_path / "s", GRID, parabola)
    (folder / "0" / "metrics.json").write_text("")
    assert not finish_sweep(folder)
    assert "train.py: job 0 unfinished" in capfd.readouterr().err.splitlines()


def test_a_search_is_gone_on_with_and_what_was_cut_short_needs_no_reason(tmp_path, capfd):
    folder = make_sweep(tmp_path / "s", GRID, parabola, search=True)
    (folder / "0" / "metrics.json").unlink()
    assert not finish_sweep(folder)
    lines = capfd.readouterr().err.splitlines()
    assert "train.py: job 0 unfinished" in lines
    assert lines[-1].endswith(f"did not finish; continue the search with python train.py -m resume_sweep={folder}")


NOISE = {36: 0.3663, 45: 0.3668, 55: 0.3665}


@pytest.fixture
def noise(tmp_path):
    """Provide a named sweep of three margins that differ by less than their noise."""
    overrides = ["loss.margin=36,45,55", "name=margins"]
    return make_sweep(tmp_path / "s", overrides, lambda s: NOISE[s["loss.margin"]])


def test_noise_does_not_look_like_a_valley(noise):
    summary = report_sweep(noise)
    (axes,) = draw_sweep(summary).axes
    low, high = axes.get_ylim()
    estimates = [summary.estimates.of([job]) for job in summary.sweep.jobs]
    assert low < min(one.low for one in estimates)
    assert high > max(one.high for one in estimates)
    assert max(NOISE.values()) - min(NOISE.values()) < 0.05 * (high - low)


@pytest.mark.parametrize("overrides", [["loss.margin=36,45", "seed=0,1"], ["loss=x,y"], ["a=1,2", "b=1,2"]], ids=str)
def test_every_interval_is_within_the_axes(overrides, tmp_path):
    summary = report_sweep(make_sweep(tmp_path / "s", overrides, lambda s: 0.4 + 0.05 * bool(s.get("seed"))))
    for axes in draw_sweep(summary).axes:
        low, high = axes.get_ylim()
        drawn = [path for one in axes.collections for path in one.get_paths()]
        assert drawn
        assert all(low <= y <= high for path in drawn for y in path.vertices[:, 1] if np.isfinite(y))


def test_without_intervals_the_axis_does_not_zoom(tmp_path):
    folder = make_sweep(tmp_path / "s", ["loss.margin=36,45"], lambda s: 0.4 + 1e-5 * s["loss.margin"])
    for file in folder.glob("*/per_query.parquet"):
        file.unlink()
    low, high = draw_sweep(report_sweep(folder)).axes[0].get_ylim()
    assert high - low >= 0.02


@pytest.mark.parametrize(("value", "shown"), [(0.31, True), (0.9, False)])
def test_chance_and_frozen_are_drawn_or_stated(value, shown, tmp_path):
    folder = make_sweep(tmp_path / "s", ["loss.margin=36,45"], lambda s: value + 0.001 * s["loss.margin"] / 45)
    figure = draw_sweep(report_sweep(folder))
    flat = [line for line in figure.axes[0].lines if len(set(line.get_ydata())) == 1 and len(line.get_ydata()) == 2]
    assert any(line.get_ydata()[0] == 0.3 for line in flat) == shown
    note = figure._supxlabel.get_text()
    page = (folder / "sweep.html").read_text()
    for text in (
        "hance 0.2000: below the axis",
        "dashed: frozen backbone 0.3000" if shown else "0.3000: below the axis",
    ):
        assert text in note
        assert text in page


def test_nothing_is_called_best_where_nothing_differs_significantly(noise, capsys):
    summary = report_sweep(noise)
    assert not summary.decided
    record = summary.to_dict()
    assert record["best"] is None
    assert record["highest"]["job"] == 1
    assert record["not_significantly_worse"] == [0, 2]
    assert record["choices"]["best"][0]["value"] is None
    assert record["effects"]["loss.margin"]["best"] is None
    verdict = "None of the 3 settings differs significantly from another."
    assert record["verdict"] == verdict
    page = (noise / "sweep.html").read_text()
    assert verdict in page
    assert "is the best" not in page
    assert "no value differs significantly from another" in page
    print_sweep(summary)
    printed = capsys.readouterr().out
    assert verdict in printed
    assert "best run" not in printed


def test_a_sweep_of_many_equal_settings_has_no_best(tmp_path):
    """An interval for a single pair would declare the highest of sixteen better than the lowest."""
    called = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        values = dict(enumerate(rng.normal(0.4, 0.005 / np.sqrt(200), 16)))
        grid = [f"a={','.join(map(str, values))}"]
        folder = make_sweep(tmp_path / str(seed), grid, lambda s, values=values: values[s["a"]])
        called += summarise_sweep(read_sweep(folder)).decided
    assert called <= 2


def test_a_single_keys_share_of_the_variance_is_not_reported(tmp_path, capsys):
    folder = make_sweep(tmp_path / "s", ["loss.margin=36,45,55"], lambda s: 0.4 + 0.01 * s["loss.margin"])
    summary = report_sweep(folder)
    assert summary.decided
    assert summary.effects[0].share is None
    assert summary.to_dict()["effects"]["loss.margin"]["share_of_variance"] is None
    print_sweep(summary)
    assert "variance" not in capsys.readouterr().out + (folder / "sweep.html").read_text()


def test_too_few_settings_share_out_nothing(tmp_path):
    """With two keys of two values each and three jobs, no degree of freedom is left for shares of variance."""

    def value_of(settings):
        return None if settings == {"a": 1, "b": 1} else 0.4 + 0.01 * settings["a"] + 0.02 * settings["b"]

    summary = report_sweep(make_sweep(tmp_path / "s", ["a=1,2", "b=1,2"], value_of))
    assert [effect.share for effect in summary.effects] == [None, None]


def test_lifts_of_other_backbones_are_not_compared(tmp_path, capsys):
    folder = make_sweep(tmp_path / "s", ["model=a,b"], lambda s: 0.4 + 0.03 * (s["model"] == "b"))
    for job, frozen in (("0", 0.22), ("1", 0.35)):
        file = folder / job / "metrics.json"
        metrics = json.loads(file.read_text())
        lift = (metrics[MONITOR] - 0.2) / (frozen - 0.2)
        file.write_text(json.dumps({**metrics, f"{MONITOR}/frozen": frozen, f"{MONITOR}/lift": lift}))
    summary = report_sweep(folder)
    assert summary.best.number == 1
    assert not summary.to_dict()["lift_comparable"]
    page = (folder / "sweep.html").read_text()
    print_sweep(summary)
    for text in (page, capsys.readouterr().out):
        assert "compare nDCG@10" in " ".join(text.split())
    assert "a lift of" not in page
    assert "frozen backbone 0.2200 (a), 0.3500 (b)" in page


def test_the_name_of_a_sweep_is_its_title(noise, capsys):
    summary = report_sweep(noise)
    page = (noise / "sweep.html").read_text()
    assert "<h1>margins · sweep s</h1>" in page
    assert summary.to_dict()["name"] == "margins"
    print_sweep(summary)
    assert "margins: val/ndcg@10 of 3 jobs" in capsys.readouterr().out


def test_swept_text_is_text(tmp_path):
    values = ["<script>alert(1)</script>", "$\\frac{$", "a&b"]
    quoted = ",".join(f"'{value}'" for value in values)
    folder = make_sweep(tmp_path / "s", [f"model={quoted}", "b=1,2"], lambda s: 0.4 + 0.01 * len(s["model"]) + s["b"])
    report_sweep(folder)
    page = (folder / "sweep.html").read_text()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def with_trained_branch(folder, value_of):
    """Add to each job's metrics those of its trained branch alone."""
    for job in read_sweep(folder).finished:
        file = job.folder / "metrics.json"
        metrics = json.loads(file.read_text())
        file.write_text(json.dumps({**metrics, "val/branch/learned/ndcg@10": value_of(job.settings)}))
    return folder


def test_the_trained_branch_has_a_curve_of_its_own(tmp_path):
    line = ["loss.margin=20,30,40", "seed=0,1,2"]
    folder = make_sweep(tmp_path / "s", line, lambda s: 0.4 - 0.001 * s["loss.margin"])
    plain = draw_sweep(summarise_sweep(read_sweep(folder)))
    alone = {20: 0.31, 30: 0.35, 40: 0.33}
    with_trained_branch(folder, lambda s: alone[s["loss.margin"]] + 0.001 * s["seed"])
    summary = report_sweep(folder)
    figure = draw_sweep(summary)
    (curve,) = [drawn for drawn in figure.axes[0].lines if drawn.get_linestyle() == "-."]
    np.testing.assert_allclose(curve.get_ydata(), [0.311, 0.351, 0.331])
    assert figure.axes[0].get_ylim()[0] < 0.31
    # Three seeds 0.001 apart: Student's t at two degrees of freedom.
    interval = summary.estimates.of_trained(summary.sweep.jobs[:3])
    assert interval.high - interval.value == pytest.approx(4.3027 * 0.001 / 3**0.5, rel=1e-4)
    assert "the trained branch alone" in figure.get_supxlabel()
    assert "the trained branch alone" not in plain.get_supxlabel()
    assert [drawn for drawn in plain.axes[0].lines if drawn.get_linestyle() == "-."] == []
    assert float(rows_of(folder)[1][f"{MONITOR}/trained_branch"]) == pytest.approx(0.311)
    assert summary.to_dict()["jobs"][0]["trained_branch"] == pytest.approx(0.31)


def test_a_value_without_its_trained_branch_has_no_point_on_that_curve(tmp_path):
    folder = with_trained_branch(make_sweep(tmp_path / "s", ["loss.margin=20,30,40"], lambda _: 0.4), lambda _: 0.3)
    file = folder / "1" / "metrics.json"
    metrics = json.loads(file.read_text())
    file.write_text(json.dumps({key: value for key, value in metrics.items() if "branch" not in key}))
    (curve,) = [one for one in draw_sweep(report_sweep(folder)).axes[0].lines if one.get_linestyle() == "-."]
    assert list(curve.get_xdata()) == [20, 40]


def test_hollow_points_are_not_explained_where_there_are_none(tmp_path):
    """One of two jobs at each point lacks its trained branch, so that no point has it."""
    line = ["loss.margin=20,30", "seed=0,1"]
    folder = with_trained_branch(make_sweep(tmp_path / "s", line, lambda _: 0.4), lambda _: 0.3)
    for job in read_sweep(folder).finished:
        if job.settings["seed"] == 1:
            file = job.folder / "metrics.json"
            metrics = json.loads(file.read_text())
            file.write_text(json.dumps({key: value for key, value in metrics.items() if "branch" not in key}))
    figure = draw_sweep(report_sweep(folder))
    assert all(one.get_linestyle() != "-." for one in figure.axes[0].lines)
    assert "Hollow" not in figure.get_supxlabel()


@pytest.mark.parametrize("count", [4, 9, 16])
def test_a_grid_of_numbers_is_a_line_however_many_they_are(tmp_path, count):
    margins = range(20, 20 + 2 * count, 2)
    line = f"loss.margin={','.join(map(str, margins))}"
    axes = draw_sweep(report_sweep(make_sweep(tmp_path / "s", [line], lambda s: 0.01 * s["loss.margin"]))).axes[0]
    (curve,) = [drawn for drawn in axes.lines if drawn.get_linestyle() == "-" and len(drawn.get_xdata()) > 2]
    np.testing.assert_allclose(curve.get_ydata(), [0.01 * margin for margin in margins])
