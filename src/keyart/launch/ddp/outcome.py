"""Outcome of one of several processes, which it reports to its launcher in a file."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from keyart.utils.files import write_json


@dataclass(frozen=True)
class Outcome:
    """Outcome of a process.

    Args:
        kind: ``finished``; ``pruned`` by a search; ``cut`` short by a signal; ``refused`` for bad input; ``failed``
            with an error; ``died`` without a report.
        at: Time in seconds since the epoch.
        value: Finished: the result of the training, None for NaN. Pruned: the monitor at that time.
        text: Refused, failed or died: the message.
        parameter: Refused: the parameter with the invalid value; None if the message names none.
        given: Refused: its value as text; None if the message needs none.
        signal: Cut: number of the signal.
        steps: Cut: number of trained steps. Pruned: number of trained epochs.
    """

    kind: Literal["finished", "pruned", "cut", "refused", "failed", "died"]
    at: float
    value: float | None = None
    text: str = ""
    parameter: str | None = None
    given: str | None = None
    signal: int = 0
    steps: int = 0

    def write(self, path: Path) -> None:
        """Write the outcome atomically."""
        write_json(path, asdict(self))

    @classmethod
    def read(cls, path: Path) -> "Outcome | None":
        """Read an outcome; return None if there is no file."""
        return cls(**json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None
