"""Every logger that follows a run is finished once, with the run's final status."""

import logging
import signal

import pytest
from lightning.pytorch.utilities.exceptions import SIGTERMException

from keyart.training.early_ends import TrainingInterrupted
from keyart.training.loggers.csv_log import CSVLog
from keyart.training.loggers.run_logger import RunLogger, finishing, log_results, rewind_loggers


class Spy:
    def __init__(self, fault=None):
        self.seen, self.fault = [], fault

    def rewind(self, step):
        self.seen.append(("rewind", step))

    def log_results(self, results):
        self.seen.append(("results", results))
        if self.fault:
            raise self.fault

    def finish(self, status):
        self.seen.append(("finish", status))
        if self.fault:
            raise self.fault


def test_lightnings_loggers_are_passed_over(tmp_path):
    assert isinstance(Spy(), RunLogger)
    assert not isinstance(CSVLog(tmp_path), RunLogger)
    with finishing([CSVLog(tmp_path), object()]):
        log_results([CSVLog(tmp_path), object()], "results")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (None, "finished"),
        (ValueError("no"), "failed"),
        (KeyboardInterrupt(), "failed"),
        (SystemExit(1), "failed"),
        (SIGTERMException(), "preempted"),
        (TrainingInterrupted(signal.SIGTERM), "preempted"),
        (TrainingInterrupted(signal.SIGINT), "failed"),
    ],
    ids=repr,
)
def test_the_status_is_how_the_block_ended(error, status):
    spies = [Spy(), Spy()]
    if error is None:
        with finishing(spies):
            pass
    else:
        with pytest.raises(type(error)), finishing(iter(spies)):
            raise error
    assert [spy.seen for spy in spies] == [[("finish", status)]] * 2


def test_a_loggers_fault_is_reported_and_hides_nothing(caplog):
    first, second = Spy(OSError("disk full")), Spy()
    with caplog.at_level(logging.WARNING), finishing([first, second]):
        log_results([first, second], "results")
    assert second.seen == [("results", "results"), ("finish", "finished")]
    assert caplog.text.count("disk full") == 2
    with pytest.raises(ValueError, match="the run's own"), finishing([first]):
        raise ValueError("the run's own")


def test_all_that_can_go_back_do(tmp_path):
    log, spy = CSVLog(tmp_path), Spy()
    for step in range(4):
        log.log_metrics({"a": 1.0}, step)
    rewind_loggers([log, spy, object()], 2)
    assert [row["step"] for row in log.rows] == [0, 1]
    assert spy.seen == [("rewind", 2)]
