"""How one of several processes ended, as it tells the one that started it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from keyart.utils.files import write_json


@dataclass(frozen=True)
class Outcome:
    """How a process ended.

    Args:
        kind: ``finished``; ``pruned`` by a search; ``cut`` short by a signal; ``refused`` for bad input; ``failed``
            with an error; ``died`` without a word.
        at: When, in seconds since the epoch.
        value: Finished: what the training returned, None for NaN. Pruned: the monitor at that time.
        text: Refused, failed or died: what there is to tell.
        parameter: Refused: the parameter whose value was refused, None if none is named.
        given: Refused: its value as text, None if the message needs none.
        signal: Cut short: by which signal.
        steps: Cut short: after how many steps. Pruned: after how many epochs.
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
        """Write it at once or not at all."""
        write_json(path, asdict(self))

    @classmethod
    def read(cls, path: Path) -> "Outcome | None":
        """What was written; None where nothing was."""
        return cls(**json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None
