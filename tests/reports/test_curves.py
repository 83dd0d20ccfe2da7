import numpy as np
import pytest

from keyart.reports.charts.training_curves import draw_curves, read_curves
from keyart.reports.theme import LIGHT


def test_columns_are_read_where_they_hold_values(run_folder):
    curves = read_curves(run_folder / "metrics.csv", {"training": {"head_epochs": 2}})
    assert curves.loss.steps.tolist() == [4, 14, 24]
    assert curves.monitor.values.tolist() == [0.31, 0.36, 0.35]
    assert curves.monitor.epochs.tolist() == [0, 1, 2]
    assert curves.turn == 29


def test_the_monitor_of_the_configuration_is_shown(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text("step,val/map,val/map/lift,val/ndcg@10\n1,0.1,1.0,0.3\n")
    assert read_curves(path, {"monitor": "val/map"}).monitor.name == "val/map"
    assert read_curves(path).monitor.name == "val/ndcg@10"
    assert read_curves(path, {"monitor": "val/none"}).monitor.name == "val/ndcg@10"


@pytest.mark.parametrize(
    "text", ["", "step\n", "epoch,train/loss\n0,1\n", "step,val/ndcg@10\n1,\n2,nan\n", "step,lr\n1,0.1\n"]
)
def test_nothing_to_show_is_no_error(tmp_path, text):
    path = tmp_path / "metrics.csv"
    assert read_curves(path) is None
    path.write_text(text)
    assert read_curves(path) is None


@pytest.mark.parametrize(
    "text",
    [
        "step,train/loss\n1,0.5\n",
        "step,val/ndcg@10\n1,0.5\n2,0.6\n",
        "step,train/loss,val/ndcg@10\n" + "".join(f"{i},{1 / i},{0.2 + i / 900}\n" for i in range(1, 400)),
    ],
)
def test_what_is_there_is_drawn(tmp_path, text):
    path = tmp_path / "metrics.csv"
    path.write_text(text)
    figure = draw_curves(read_curves(path), {"val/ndcg@10/frozen": 0.3, "val/ndcg@10/chance": None}, LIGHT)
    assert len(figure.axes) == (2 if "loss,val" in text else 1)
    assert all(len(axes.lines) for axes in figure.axes)


def test_chance_frozen_best_and_the_phases_are_marked(run_folder):
    curves = read_curves(run_folder / "metrics.csv", {"training": {"head_epochs": 2}})
    axes = draw_curves(curves, {"val/ndcg@10/frozen": 0.33, "val/ndcg@10/chance": 0.2}, LIGHT).axes[1]
    summary = {text.get_text() for text in axes.texts}
    assert {"frozen backbone", "chance", "best 0.360, epoch 2", "head", "fine-tuning"} <= summary
    levels = {float(line.get_ydata()[0]) for line in axes.lines if len(set(np.asarray(line.get_ydata()))) == 1}
    assert {0.33, 0.2, 0.36} <= levels
