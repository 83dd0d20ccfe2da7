"""Start and end of runs in W&B: failed, preempted, killed, resumed, rejected, without login or network."""

import logging
import os
import shlex
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import lightning
import pytest
from lightning.pytorch.demos.boring_classes import BoringModel
from lightning.pytorch.utilities.exceptions import SIGTERMException

pytest.importorskip("wandb")

from keyart.errors import InputError
from keyart.training.loggers.csv_log import CSVLog
from keyart.training.loggers.run_logger import finishing, rewind_loggers
from keyart.training.loggers.wandb_files import sync_line
from keyart.training.loggers.wandb_logger import WandbLog
from keyart.training.loggers.wandb_mode import choose_mode

pytestmark = pytest.mark.usefixtures("logged_out")


class Model(BoringModel):
    """Model that logs a loss each step and a metric each epoch; its sixth step may fail."""

    fault = None

    def training_step(self, batch, index):
        if self.trainer.global_step == 5 and self.fault is not None:
            raise self.fault
        out = super().training_step(batch, index)
        self.log("train/loss", out["loss"])
        return out

    def validation_step(self, batch, index):
        self.log("val/ndcg@10", self.current_epoch / 10)


def fit(folder, fault=None):
    model = Model()
    model.fault = fault
    loggers = [CSVLog(folder), WandbLog(folder)]
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_epochs=2,
        limit_train_batches=4,
        limit_val_batches=1,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
        logger=loggers,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )
    with finishing(loggers):
        trainer.fit(model)


@pytest.mark.parametrize("fault", [None, RuntimeError("a fault in training"), SIGTERMException()], ids=repr)
def test_a_training_ends_as_it_ended(tmp_path, capfd, open_run, read_summary, read_records, fault):
    folder = open_run(tmp_path / "run")
    if fault is None:
        fit(folder)
    else:
        with pytest.raises(type(fault)):
            fit(folder, fault)
    [session] = (folder / "wandb").glob("offline-run-*")
    summary, records = read_summary(session), read_records(session)
    assert (summary["state"], summary["exit_code"]) == (("finished", 0) if fault is None else ("failed", 1))
    steps = [r["history"]["step"]["num"] for r in records if r["type"] == "history"]
    assert steps == list(range(8 if fault is None else 5))
    assert summary["summary"]["val/ndcg@10"]["max"] == pytest.approx(0.1 if fault is None else 0.0)
    assert any(r["type"] == "preempting" for r in records) is isinstance(fault, SIGTERMException)
    out, err = capfd.readouterr()
    assert f"wandb sync {shlex.quote(str(session))}" in err.splitlines()
    assert out == ""


def run_apart(code, folder, **environment):
    """Run code that logs to ``folder`` in a separate process, with its own W&B client."""
    inherited = {name: value for name, value in os.environ.items() if name != "WANDB_SERVICE"}
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOGGING + code, str(folder)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**inherited, **environment},
        check=False,
    )


LOGGING = """
import logging, os, signal, sys, time
from keyart.training.loggers.wandb_logger import WandbLog
logging.basicConfig(level="INFO")
logger = WandbLog(sys.argv[1])
for step in range(5):
    logger.log_metrics({"train/loss": 0.5}, step)
"""


def test_a_resumed_run_continues_its_id_and_lacks_nothing(
    tmp_path, capfd, open_run, read_summary, read_records, history_of
):
    folder = open_run(tmp_path / "run")

    def session(steps, rewind=None, finish=True):
        loggers = [CSVLog(folder), WandbLog(folder)]
        if rewind is not None:
            rewind_loggers(loggers, rewind)
        for step in steps:
            for logger in loggers:
                logger.log_metrics({"train/loss": 1.0 / (step + 1)}, step)
            if step % 2:
                for logger in loggers:
                    logger.log_metrics({"val/ndcg@10": step / 10}, step)
        loggers[0].save()
        loggers[1].finish("finished" if finish else "failed")
        return loggers[1]

    first = session(range(6), finish=False)
    [interrupted] = first.offline_folders()
    time.sleep(1.1)  # W&B names sessions by the second
    second = session(range(4, 8), rewind=4)
    [whole] = second.offline_folders()
    assert second.run_id() == first.run_id()
    summary = read_summary(whole)
    assert summary["run_id"] == first.run_id()
    assert summary["summary"]["val/ndcg@10"] == {"max": 0.7}
    undisturbed = {s: {"train/loss": 1 / (s + 1), **({"val/ndcg@10": s / 10} if s % 2 else {})} for s in range(8)}
    assert history_of(read_records(whole)) == undisturbed
    assert not interrupted.exists()
    assert (folder / "wandb" / f"superseded-{interrupted.name}").is_dir()
    assert capfd.readouterr().err.splitlines()[-1] == f"wandb sync {shlex.quote(str(whole))}"


def test_a_killed_run_loses_nothing_when_it_is_resumed(tmp_path, open_run, read_records, history_of):
    folder = open_run(tmp_path / "run")
    assert run_apart("os.kill(os.getpid(), signal.SIGKILL)", folder).returncode == -9
    logger = WandbLog(folder)
    log = CSVLog(folder)
    for step in range(5):
        log.log_metrics({"train/loss": 0.5}, step)
    log.save()
    rewind_loggers([log, logger], 4)
    logger.log_metrics({"train/loss": 0.25}, 4)
    logger.finish("finished")
    [session] = logger.offline_folders()
    assert {step: row["train/loss"] for step, row in history_of(read_records(session)).items()} == dict(
        zip(range(5), [0.5] * 4 + [0.25], strict=True)
    )


class Server:
    """Fake of W&B's client in an online run: the server already has the steps before ``starting_step``."""

    def __init__(self, starting_step):
        self.starting_step, self.rows, self.offline, self.disabled, self.url = starting_step, [], False, False, "there"
        self.config = self

    def update(self, *args, **kwargs):
        pass

    def define_metric(self, name, **kwargs):
        pass

    def log(self, values, step):
        self.rows.append((step, values))


def test_a_run_resumed_online_logs_just_what_the_server_lacks(tmp_path, monkeypatch):
    log = CSVLog(tmp_path)
    for step in range(6):
        log.log_metrics({"train/loss": float(step)}, step)
    log.save()
    logger = WandbLog(tmp_path)
    (tmp_path / "wandb").mkdir()
    server = Server(starting_step=3)
    monkeypatch.setattr(logger, "_init", lambda: server)
    rewind_loggers([log, logger], 5)
    logger.log_metrics({"train/loss": 50.0}, 5)
    assert server.rows == [(3, {"train/loss": 3.0}), (4, {"train/loss": 4.0}), (5, {"train/loss": 50.0})]


@pytest.mark.parametrize("how", ["online", "synced"])
def test_what_the_server_has_is_not_logged_twice_and_nothing_is_lost(tmp_path, read_records, history_of, how):
    log, first = CSVLog(tmp_path), WandbLog(tmp_path)
    for step in range(3):
        for logger in (log, first):
            logger.log_metrics({"train/loss": 1.0}, step)
    log.save()
    first.finish("failed")
    [begun] = first.offline_folders()
    if how == "synced":
        (begun / f"run-{first.run_id()}.wandb.synced").touch()
    else:
        begun.rename(begun.with_name("run-online"))
        (tmp_path / "wandb" / "online").touch()
    offline = []
    for start in (3, 5):
        time.sleep(1.1)  # W&B names sessions by the second
        log, logger = CSVLog(tmp_path), WandbLog(tmp_path)
        rewind_loggers([log, logger], start)
        for step in (start, start + 1):
            for each in (log, logger):
                each.log_metrics({"train/loss": 2.0}, step)
        log.save()
        logger.finish("failed")
        offline.append(logger.offline_folders()[-1])
    assert [list(history_of(read_records(session))) for session in offline] == [[3, 4], [5, 6]]
    assert str(begun) not in sync_line([tmp_path])
    assert sync_line([tmp_path]) == f"wandb sync {shlex.join(map(str, offline))}"


def test_a_run_that_goes_online_sends_what_was_logged_offline(tmp_path, monkeypatch):
    log, first = CSVLog(tmp_path), WandbLog(tmp_path)
    for step in range(3):
        for logger in (log, first):
            logger.log_metrics({"train/loss": float(step)}, step)
    log.save()
    first.finish("failed")
    second, server = WandbLog(tmp_path), Server(starting_step=0)
    second.mode = "online"
    monkeypatch.setattr(second, "_init", lambda: server)
    second.rewind(3)
    second.log_metrics({"train/loss": 3.0}, 3)
    assert server.rows == [(step, {"train/loss": float(step)}) for step in range(4)]
    assert sync_line([tmp_path]) == ""


def test_steps_never_go_back(tmp_path, monkeypatch):
    (tmp_path / "wandb").mkdir()
    logger, server = WandbLog(tmp_path), Server(0)
    monkeypatch.setattr(logger, "_init", lambda: server)
    for step in (4, 3, None, 5):
        logger.log_metrics({"a": 1.0}, step)
    assert [step for step, _ in server.rows] == [4, 4, 4, 5]


def test_a_server_that_refuses_is_reported_and_the_run_continues_offline(
    tmp_path, open_run, read_summary, read_records, history_of
):
    class Refuse(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(401)
            self.end_headers()

        do_HEAD = do_POST

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Refuse)
    Thread(target=server.serve_forever, daemon=True).start()
    host = f"http://127.0.0.1:{server.server_port}"
    try:
        environment = {"WANDB_API_KEY": "0123456789" * 4, "WANDB_BASE_URL": host}
        done = run_apart('logger.finish("finished")', open_run(tmp_path / "run"), **environment)
    finally:
        server.shutdown()
        server.server_close()
    assert done.returncode == 0, done.stderr
    assert "W&B refused the run, which is logged offline instead" in done.stderr
    assert "401" in done.stderr
    [session] = (tmp_path / "run" / "wandb").glob("offline-run-*")
    assert read_summary(session)["state"] == "finished"
    assert list(history_of(read_records(session))) == list(range(5))
    assert not (tmp_path / "run" / "wandb" / "online").exists()
    assert f"wandb sync {shlex.quote(str(session))}" in done.stderr.splitlines()


def test_auto_goes_online_only_with_login_and_network(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    mode, reason = choose_mode()
    assert mode == "offline"
    assert "wandb login" in reason
    monkeypatch.setenv("WANDB_API_KEY", "k" * 40)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:1")
    mode, reason = choose_mode()
    assert mode == "offline"
    assert "http://127.0.0.1:1 cannot be reached" in reason
    monkeypatch.setattr("keyart.training.loggers.wandb_mode.unreachable_reason", lambda host: None)
    assert choose_mode() == ("online", None)
    for outside, meant in (("offline", "offline"), ("dryrun", "offline"), ("disabled", "disabled")):
        monkeypatch.setenv("WANDB_MODE", outside)
        assert choose_mode()[0] == meant
    assert choose_mode("online") == ("online", None)


@pytest.mark.parametrize(("mode", "named"), [("sometimes", "logger.wandb.mode=sometimes"), ("online", "wandb login")])
def test_a_mode_that_cannot_be_is_refused_in_one_line(tmp_path, monkeypatch, mode, named):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=named):
        WandbLog(tmp_path / "run", mode=mode)


def test_a_disabled_run_leaves_nothing(tmp_path, capfd, caplog):
    logger = WandbLog(tmp_path, mode="disabled")
    with caplog.at_level(logging.INFO), finishing([logger]):
        logger.log_metrics({"a": 1.0}, 1)
    assert not list((tmp_path / "wandb").glob("*run-*"))
    assert "wandb sync" not in capfd.readouterr().err
