"""Study of a hyper-parameter search: the Optuna storage of its trials, shared by the sweep and its running jobs."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.pruners import BasePruner
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend


class Journal(JournalFileBackend):
    """Optuna journal file that repairs an incomplete last line.

    A full disk or a killed process may leave such a line. It is removed before the next line is appended.
    """

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append one line per record."""
        lines = "".join(json.dumps(record, separators=(",", ":")) + "\n" for record in logs)
        self._lock.acquire()
        try:
            with Path(self._file_path).open("rb+") as file:
                file.truncate(file.read().rfind(b"\n") + 1)
                file.seek(0, os.SEEK_END)
                file.write(lines.encode())
                file.flush()
                os.fsync(file.fileno())
        finally:
            self._lock.release()


def open_storage(storage: str) -> BaseStorage:
    """Open the storage of a study.

    Args:
        storage: Path of a journal file, or URL of a database in Optuna's format.
    """
    if "://" in storage:
        return RDBStorage(storage)
    # The path is absolute, because the lock is a symbolic link to the file.
    return JournalStorage(Journal(str(Path(storage).resolve())))


@dataclass(frozen=True)
class TrialReporter:
    """Reporter that sends a running trial's values to its study and asks the pruner whether to continue.

    Args:
        storage: See `open_storage`.
        study: The study's name.
        number: The trial's number in the study.
        pruner: Decides from the values of the other trials.
    """

    storage: str
    study: str
    number: int
    pruner: BasePruner

    def should_stop(self, value: float, epoch: int) -> bool:
        """Report a value and return whether the pruner stops the trial.

        Args:
            value: Value of the monitor at a validation.
            epoch: Number of finished epochs. A value that was reported before for the same epoch is kept.
        """
        storage = open_storage(self.storage)
        study = optuna.load_study(study_name=self.study, storage=storage, pruner=self.pruner)
        trial_id = storage.get_trial_id_from_study_id_trial_number(
            storage.get_study_id_from_name(self.study), self.number
        )
        if epoch not in storage.get_trial(trial_id).intermediate_values:
            storage.set_trial_intermediate_value(trial_id, epoch, value)
        return bool(self.pruner.prune(study, storage.get_trial(trial_id)))
