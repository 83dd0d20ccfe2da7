"""The study that a search and its jobs share: reported values, pruning decisions and the journal file."""

import errno
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest

optuna = pytest.importorskip("optuna")

from keyart.runs.sweep.study import Journal, TrialReporter, open_storage  # noqa: E402

EPOCHS = 4


@pytest.fixture(params=["journal", "sqlite"])
def storage(request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return "study.log" if request.param == "journal" else f"sqlite:///{tmp_path / 'study.db'}"


def begin(storage, trials):
    study = optuna.create_study(study_name="sweep", storage=open_storage(storage), direction="maximize")
    for _ in range(trials):
        study.ask({"x": optuna.distributions.FloatDistribution(0, 1)})
    return study


def reporter(storage, number):
    pruner = optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=2, n_min_trials=3)
    # As another process receives it.
    return pickle.loads(pickle.dumps(TrialReporter(storage, "sweep", number, pruner)))


def test_a_trial_below_the_median_is_stopped_after_the_warm_up(storage):
    study = begin(storage, 5)
    for number, level in enumerate((0.4, 0.5, 0.6)):
        assert not any(reporter(storage, number).should_stop(level, epoch) for epoch in range(1, EPOCHS + 1))
        study.tell(number, level)
    assert [reporter(storage, 3).should_stop(0.45, epoch) for epoch in (1, 2, 3)] == [False, True, True]
    assert [reporter(storage, 4).should_stop(0.55, epoch) for epoch in (1, 2, 3)] == [False] * 3
    study.tell(3, state=optuna.trial.TrialState.PRUNED)
    assert study.trials[3].value == 0.45


def test_a_resumed_trial_reports_an_epoch_once(storage):
    study = begin(storage, 1)
    for value in (0.3, 0.9):
        reporter(storage, 0).should_stop(value, 1)
    assert study.trials[0].intermediate_values == {1: 0.3}


def test_jobs_report_at_the_same_time(tmp_path):
    storage = str(tmp_path / "study.log")
    study = begin(storage, 4)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda at: reporter(storage, at % 4).should_stop(at / 40, 1 + at // 4), range(40)))
    assert [len(trial.intermediate_values) for trial in study.trials] == [10] * 4


def test_a_line_cut_short_costs_that_line_alone(tmp_path):
    file = tmp_path / "study.log"
    begin(str(file), 2)
    reporter(str(file), 0).should_stop(0.5, 1)
    file.write_bytes(file.read_bytes()[:-5])
    reporter(str(file), 1).should_stop(0.25, 1)
    trials = optuna.load_study(study_name="sweep", storage=open_storage(str(file))).trials
    assert [trial.intermediate_values for trial in trials] == [{}, {1: 0.25}]


def test_a_full_disk_is_an_error_of_the_writer_alone(tmp_path, monkeypatch):
    file = tmp_path / "study.log"
    study = begin(str(file), 1)

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            Journal(str(file)).append_logs([{"op_code": 99}])
    assert not (tmp_path / "study.log.lock").is_symlink()
    file.write_bytes(file.read_bytes().rpartition(b'{"op_code":99}')[0])
    study.tell(0, 0.5)
    assert [trial.value for trial in study.trials] == [0.5]
