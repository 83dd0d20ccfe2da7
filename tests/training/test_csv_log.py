"""The CSV log keeps the rows of an interrupted run."""

import pandas as pd
import pytest

from keyart.errors import InputError
from keyart.training.loggers.csv_log import CSVLog


def logged(folder, steps, rewind=None):
    log = CSVLog(folder)
    if rewind is not None:
        log.rewind(rewind)
    for step in steps:
        log.log_metrics({"train/loss": step / 10}, step)
        if step % 2 == 0:
            log.log_metrics({"val/ndcg@10": step * 2.0}, step)
    log.finalize("success")
    return log.path.read_text()


def test_one_row_a_step_and_one_column_a_metric(tmp_path):
    logged(tmp_path, range(4))
    table = pd.read_csv(tmp_path / "metrics.csv")
    assert list(table.columns) == ["step", "train/loss", "val/ndcg@10"]
    assert list(table["step"]) == [0, 1, 2, 3]
    assert table["val/ndcg@10"].isna().tolist() == [False, True, False, True]


def test_a_resumed_log_equals_an_undisturbed_one(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole = logged(tmp_path / "a", range(8))
    logged(tmp_path / "b", range(6))
    assert logged(tmp_path / "b", range(4, 8), rewind=4) == whole


def test_a_metric_that_comes_late_gets_its_column(tmp_path):
    log = CSVLog(tmp_path)
    log.log_metrics({"a": 1.0}, 0)
    log.save()
    log.log_metrics({"b": 2.0}, 1)
    log.save()
    table = pd.read_csv(tmp_path / "metrics.csv")
    assert table.loc[1, "b"] == 2.0
    assert table.loc[0, "a"] == 1.0


@pytest.mark.parametrize("content", [b"\x80\x02}", b"a,b\n1,2\n", b"step,x\nmany,2\n", b"\x00"])
def test_what_is_no_log_is_refused_by_name(content, tmp_path):
    (tmp_path / "metrics.csv").write_bytes(content)
    if content == b"\x00":  # a header without rows
        assert CSVLog(tmp_path).rows == []
        return
    with pytest.raises(InputError, match=r"metrics.csv: cannot be read .*; remove it") as summary:
        CSVLog(tmp_path)
    assert "\n" not in str(summary.value)
