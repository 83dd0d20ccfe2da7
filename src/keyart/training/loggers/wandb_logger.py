"""Weights & Biases logger: works with or without login or network, always ends the run, resumes it under its own id."""

import csv
import logging
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities import rank_zero_only

from keyart.errors import InputError
from keyart.training.loggers import wandb_content as content
from keyart.training.loggers.run_logger import RunResults, Status
from keyart.training.loggers.wandb_files import (
    in_sweep,
    is_uploaded,
    offline_sessions,
    recorded_run_id,
    staged_in,
    sync_line,
)
from keyart.training.loggers.wandb_mode import Mode, choose_mode
from keyart.utils.files import write_bytes
from keyart.utils.paths import FORMER_NAME

log = logging.getLogger(__name__)
_INIT_SECONDS = 30


class WandbLog(Logger):
    """Logger that writes a run to W&B; use it with `keyart.training.loggers.run_logger.finishing`, which ends the run.

    The run is offline if the user is not logged in or the server cannot be reached; ``finish`` then prints the
    ``wandb sync`` line on standard error. The run's folder stores its id, so that a resumed run continues it. W&B's
    step is the trainer's step, and never goes back. W&B may lack a part of an interrupted run (its client loses up to
    15 seconds when it is killed, and an offline run cannot be continued); that part is read from ``metrics.csv``.

    Args:
        save_dir: The run's folder; it must hold ``config.yaml`` and ``environment.json`` before the first log.
        project: W&B project.
        name: The run's name; None: W&B creates one.
        entity: Team or user; None: the user's default.
        group: Group of the run, such as a sweep.
        tags: Tags of the run.
        mode: ``auto``, ``online``, ``offline`` or ``disabled``.
        checkpoints: Whether to log the checkpoints and the embedder as an artifact.
        embeddings: Whether to log the embeddings themselves beside their coordinates.
        job_type: W&B job type of the run.

    Raises:
        InputError: wandb is not installed, the mode is unknown, or it is ``online`` and the user is not logged in.
    """

    def __init__(
        self,
        save_dir: str | Path,
        project: str = "keyart",
        name: str | None = None,
        entity: str | None = None,
        group: str | None = None,
        tags: Sequence[str] = (),
        mode: str = "auto",
        checkpoints: bool = False,
        embeddings: bool = False,
        job_type: str = "train",
    ) -> None:
        super().__init__()
        import importlib.util

        if importlib.util.find_spec("wandb") is None:
            raise InputError("logger=wandb: wandb is not installed; run pip install -e '.[wandb]'")
        self.folder = Path(save_dir).resolve()
        self.mode: Mode
        self.mode, self.reason = choose_mode(mode)
        self.requested_mode = mode
        self.checkpoints, self.embeddings = checkpoints, embeddings
        # A run that started under keyart's former name continues in the W&B project of that name.
        project = (
            FORMER_NAME if project == "keyart" and content.recorded_project(self.folder) == FORMER_NAME else project
        )
        self._about = {"project": project, "name": name, "entity": entity, "group": group, "tags": list(tags)}
        self._about["job_type"] = job_type
        self._run: Any = None
        self._resumed_from: int | None = None
        self._step = 0
        self._from_step = 0
        self._defined: set[str] = set()

    @property
    def name(self) -> str:
        """The W&B project."""
        return str(self._about["project"])

    @property
    def version(self) -> str:
        """The run's id in W&B."""
        return self.run_id()

    @property
    def save_dir(self) -> str:
        """The run's folder."""
        return str(self.folder)

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """W&B's own run object; the first access starts the run."""
        if self._run is None:
            self._run = self._start()
        return self._run

    def run_id(self) -> str:
        """Return the run's id, from its folder; a new id is created and saved if there is none."""
        return recorded_run_id(self.folder)

    def rewind(self, step: int) -> None:
        """Continue an interrupted run from ``step``; earlier steps that W&B lacks are logged again first."""
        self._resumed_from = step

    def offline_folders(self) -> list[Path]:
        """Return the folders of the run's offline sessions, oldest first."""
        return offline_sessions(self.folder)

    def _start(self) -> Any:
        continues = self._supersede()
        run = self._init()
        if run.offline:
            log.info("W&B: offline%s", f" ({self.reason})" if self.reason else "")
        elif not run.disabled:
            (self.folder / "wandb" / "online").touch()
            log.info("W&B: %s", run.url)
        run.config.update(content.run_config(self.folder), allow_val_change=True)
        if self._resumed_from is not None:
            self._from_step = self._resumed_from if continues else int(run.starting_step)
            self._run = run
            self._replay(self.folder / "metrics.csv", self._resumed_from)
        return run

    def _supersede(self) -> bool:
        """Rename earlier offline sessions whose content the new one will hold: uploading both would log it twice.

        Returns:
            Whether the new session is offline and only continues earlier ones, because the server has the run's
            beginning.
        """
        earlier = self.offline_folders()
        on_server = (self.folder / "wandb" / "online").exists() or any(map(is_uploaded, earlier))
        if on_server and self.mode == "offline":
            return True
        if self._resumed_from is None or (self.folder / "metrics.csv").is_file():
            for session in earlier:
                if not is_uploaded(session):
                    session.rename(session.with_name(f"superseded-{session.name}"))
        return False

    def _init(self) -> Any:
        """Start the client; if the server rejects an ``auto`` run, start it offline and log the reason."""
        import wandb

        about = {**self._about, "id": self.run_id(), "resume": "allow", "dir": str(self.folder)}
        # W&B does not record the console, because progress bars fill the log; train.log is saved at the end.
        settings = wandb.Settings(silent=True, console="off", init_timeout=_INIT_SECONDS)
        arguments: dict[str, Any] = {**about, "settings": settings, "reinit": "finish_previous"}
        try:
            return wandb.init(mode=self.mode, **arguments)
        except wandb.errors.Error as error:
            reason = " ".join(str(error).split())
            if self.mode != "online" or self.requested_mode != "auto":
                raise InputError(f"logger.wandb.mode={self.requested_mode}: W&B refused the run ({reason})") from error
            log.warning("W&B refused the run, which is logged offline instead: %s", reason)
            self.mode, self.reason = "offline", reason
            wandb.teardown()  # otherwise the client keeps the id reserved for the run that it could not start
            return wandb.init(mode="offline", **arguments)

    def _replay(self, file: Path, before: int) -> None:
        """Log the rows of ``metrics.csv`` before a step."""
        if not file.is_file():
            return
        with file.open(newline="", encoding="utf-8") as lines:
            for row in csv.DictReader(lines):
                step = int(row.pop("step"))
                if step < before:
                    self.log_metrics({name: float(value) for name, value in row.items() if value != ""}, step)

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Do nothing: the whole configuration is logged from the run's folder."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Log the metrics of one step; steps that W&B already has are skipped."""
        run = self.experiment
        self._step = max(self._step, 0 if step is None else int(step))
        if self._step < self._from_step:
            return
        named = {content.panel_name(name): float(value) for name, value in metrics.items()}
        for name in named.keys() - self._defined:
            definition = content.metric_definition(name)
            if definition is not None:
                run.define_metric(name, **definition)
        self._defined |= named.keys()
        run.log(named, step=self._step)

    @rank_zero_only
    def log_results(self, results: RunResults) -> None:
        """Log test metrics, tables, pictures, the embedding and, if configured, the checkpoints."""
        import wandb

        run = self.experiment
        for name, value in content.summary_values(results.metrics).items():
            run.summary[name] = value
        genres = _table(*content.genre_rows(results.metrics))
        shown: dict[str, Any] = {
            "test/metrics": _table(*content.metric_rows(results.metrics)),
            "test/genres": genres,
            "test/genre_bars": wandb.plot.bar(genres, "genre", "precision@10", title="precision@10 by genre (test)"),
        }
        for name, file in content.find_pictures(results.folder).items():
            shown[name] = wandb.Image(str(file), caption=file.name)
        posters = _table(*content.embedding_rows(results, vectors=self.embeddings))
        shown["embedding/posters"] = posters
        shown["embedding/map"] = wandb.plot.scatter(posters, "x", "y", title="embedding in two dimensions")
        with staged_in(self.folder / "wandb" / "staging"):
            run.log(shown, step=self._step)
            if self.checkpoints:
                self._log_checkpoints(run, results.folder)

    def _log_checkpoints(self, run: Any, folder: Path) -> None:
        import wandb

        artifact = wandb.Artifact(f"run-{self.run_id()}", type="model", metadata={"folder": str(folder)})
        for name in ("checkpoints", "embedder"):
            if (folder / name).is_dir():
                artifact.add_dir(str(folder / name), name=name, policy="immutable", skip_cache=True)
        run.log_artifact(artifact)

    @rank_zero_only
    def finish(self, status: Status) -> None:
        """End the run in W&B with its status, and print the upload command if the run is offline.

        Runs of a sweep print nothing: one line at the sweep's end uploads them all.
        """
        assert status in get_args(Status)
        if self._run is None:
            return
        run, self._run = self._run, None
        offline = bool(run.offline)
        try:
            record = self.folder / "train.log"
            if record.is_file():
                copy = Path(run.dir) / record.name
                write_bytes(copy, record.read_bytes())
                run.save(str(copy), base_path=run.dir, policy="now")
            if status == "preempted":
                run.mark_preempting()
        finally:
            run.finish(exit_code=0 if status == "finished" else 1)
        if offline and not in_sweep(self.folder):
            sys.stderr.write(sync_line([self.folder]) + "\n")


def _table(columns: Any, rows: Any) -> Any:
    import wandb

    return wandb.Table(columns=columns, data=rows)
