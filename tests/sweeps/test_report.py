"""The files that a sweep ends with."""

import csv
import re

import numpy as np
import pytest
from PIL import Image

from keyart.sweeps.chart import draw_sweep, panels_of
from keyart.sweeps.finish import finish_sweep, report_sweep
from tests.sweeps.folders import MONITOR, make_sweep
from tests.sweeps.test_summary import GRID, parabola


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


def test_the_chart_draws_a_curve_for_each_model(tmp_path):
    summary = report_sweep(make_sweep(tmp_path / "s", GRID, parabola))
    assert panels_of(summary) == ["loss.margin", "model"]
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
    assert len(panels_of(summary)) == len([o for o in overrides if "," in o and "seed" not in o])


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


def test_what_has_not_finished_is_told_with_the_line_that_goes_on(tmp_path, capfd):
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
    told = capfd.readouterr().err.splitlines()
    assert "train.py: job 0 unfinished" in told
    assert told[-1].endswith(f"did not finish; go on with the search by python train.py -m resume_sweep={folder}")
