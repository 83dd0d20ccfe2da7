"""A training run that is stopped at any step resumes exactly like an uninterrupted one."""

import os
import shutil
import signal
import threading

import lightning
import pytest
import torch
from lightning.pytorch.demos.boring_classes import BoringModel

from keyart.training.callbacks.best_checkpoint import BestCheckpoint
from keyart.training.callbacks.last_checkpoint import LastCheckpoint
from keyart.training.early_ends import TrainingInterrupted
from keyart.training.interruption import StopOnSignal
from keyart.training.loggers.csv_log import CSVLog
from keyart.training.loggers.run_logger import rewind_loggers
from keyart.utils.checkpoint_files import AtomicCheckpointIO, read_checkpoint


class Model(BoringModel):
    """Model that logs each epoch and receives a signal at the start of one step."""

    def __init__(self, at=None, number=signal.SIGTERM):
        super().__init__()
        self.at, self.number = at, number

    def on_train_batch_start(self, batch, batch_idx):
        if self.trainer.global_step == self.at:
            os.kill(os.getpid(), self.number)

    def training_step(self, batch, batch_idx):
        out = super().training_step(batch, batch_idx)
        self.log("train/loss", out["loss"], on_step=False, on_epoch=True)
        return out

    def validation_step(self, batch, batch_idx):
        self.log("val/epoch", float(self.current_epoch))
        self.log("val/quality", (0.2, 0.7, 0.4)[self.current_epoch])


def fit(folder, at=None, number=signal.SIGTERM, resume=False):
    torch.manual_seed(0)
    folder.mkdir(exist_ok=True)
    last = folder / "checkpoints" / "last.ckpt"
    stop, log = StopOnSignal(last), CSVLog(folder)
    if resume:
        rewind_loggers([log], read_checkpoint(last)["global_step"])
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_epochs=3,
        limit_train_batches=4,
        limit_val_batches=1,
        num_sanity_val_steps=0,
        logger=log,
        callbacks=[BestCheckpoint(last.parent, "val/quality"), LastCheckpoint(last.parent, 1000), stop],
        plugins=[AtomicCheckpointIO()],
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )
    model = Model(at, number)
    with stop.listening():
        trainer.fit(model, ckpt_path=last if resume else None)
    return model.state_dict(), [(row["step"], row.get("val/epoch")) for row in CSVLog(folder).rows]


@pytest.mark.parametrize("at", [0, 1, 3, 4, 10])
def test_it_is_saved_at_the_steps_end_and_continues_alike(at, tmp_path):
    undisturbed = fit(tmp_path / "undisturbed")
    with pytest.raises(TrainingInterrupted) as cut:
        fit(tmp_path / "run", at)
    assert (cut.value.signal, cut.value.steps, cut.value.exit_code) == (signal.SIGTERM, at + 1, 143)
    state = read_checkpoint(tmp_path / "run" / "checkpoints" / "last.ckpt")
    assert state["global_step"] == at + 1
    resumed = fit(tmp_path / "run", resume=True)
    assert resumed[1] == undisturbed[1]


def texts(node):
    if isinstance(node, dict):
        for key, value in node.items():
            yield str(key)
            yield from texts(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from texts(value)
    elif isinstance(node, str):
        yield node


@pytest.mark.parametrize("at", [8, 9])
@pytest.mark.parametrize("old_place", ["gone", "another run", "a file"])
def test_moved_and_resumed_it_keeps_its_best_checkpoint(at, old_place, tmp_path):
    with pytest.raises(TrainingInterrupted):
        fit(tmp_path / "run", at)
    best = (tmp_path / "run" / "checkpoints" / "best.ckpt").read_bytes()
    shutil.move(tmp_path / "run", tmp_path / "moved")
    if old_place == "another run":
        fit(tmp_path / "run")
        other = (tmp_path / "run" / "checkpoints" / "best.ckpt").read_bytes()
    elif old_place == "a file":
        (tmp_path / "run").write_text("")
    fit(tmp_path / "moved", resume=True)
    checkpoints = tmp_path / "moved" / "checkpoints"
    assert (checkpoints / "best.ckpt").read_bytes() == best
    for name, step in (("best", 8), ("last", 12)):
        state = read_checkpoint(checkpoints / f"{name}.ckpt")
        assert state["global_step"] == step
        assert not [text for text in texts(state) if str(tmp_path) in text]
    if old_place == "another run":
        assert (tmp_path / "run" / "checkpoints" / "best.ckpt").read_bytes() == other


def test_ctrl_c_is_saved_too_and_continues_alike(tmp_path):
    undisturbed = fit(tmp_path / "undisturbed")
    with pytest.raises(TrainingInterrupted) as cut:
        fit(tmp_path / "run", 5, signal.SIGINT)
    assert cut.value.exit_code == 130
    assert fit(tmp_path / "run", resume=True)[1] == undisturbed[1]


@pytest.mark.parametrize("begin", ["message", "complete"])
def test_ctrl_c_does_not_wait_a_second_time_nor_for_a_complete_run(begin, tmp_path):
    stop = StopOnSignal(tmp_path / "last.ckpt")
    with stop.listening():
        if begin == "complete":
            stop.complete()
        else:
            with pytest.raises(TrainingInterrupted):
                os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_what_is_ignored_stays_ignored(tmp_path):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with StopOnSignal(tmp_path / "last.ckpt").listening():
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_reported_in_the_last_step_it_is_cut_short_all_the_same(tmp_path):
    with pytest.raises(TrainingInterrupted):
        fit(tmp_path, 11)
    assert read_checkpoint(tmp_path / "checkpoints" / "last.ckpt")["global_step"] == 12


def test_outside_of_training_it_stops_at_once_and_only_once(tmp_path):
    stop = StopOnSignal(tmp_path / "last.ckpt")
    before = signal.getsignal(signal.SIGTERM)
    with stop.listening():
        with pytest.raises(TrainingInterrupted) as cut:
            os.kill(os.getpid(), signal.SIGTERM)
        assert cut.value.steps == 0
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_complete_run_is_left_to_its_end(tmp_path):
    stop = StopOnSignal(tmp_path / "last.ckpt")
    with stop.listening():
        stop.complete()
        os.kill(os.getpid(), signal.SIGTERM)


def test_slurms_signals_are_listened_to_in_slurm_alone(tmp_path, monkeypatch):
    with monkeypatch.context() as outside:
        outside.delenv("SLURM_JOB_ID", raising=False)
        before = signal.getsignal(signal.SIGUSR1)
        with StopOnSignal(tmp_path / "last.ckpt").listening():
            assert signal.getsignal(signal.SIGUSR1) is before
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    with pytest.raises(TrainingInterrupted) as cut:
        fit(tmp_path, 2, signal.SIGUSR2)
    assert cut.value.signal == signal.SIGUSR2


def test_in_a_thread_signals_are_left_alone(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    found = []

    def run():
        with StopOnSignal(tmp_path / "last.ckpt").listening():
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [before]
