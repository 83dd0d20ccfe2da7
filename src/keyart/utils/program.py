"""The command that started this process, for messages and hints."""

import sys
from pathlib import Path


def train_command() -> str:
    """Return the command that trains, as this process was started: ``keyart train`` or ``python train.py``."""
    program = Path(sys.argv[0])
    name = program.parent.name if program.name == "__main__.py" else program.stem
    return "keyart train" if name == "keyart" else "python train.py"


def train_prefix() -> str:
    """Return the name before a message of that command: ``keyart train`` or ``train.py``."""
    return train_command().removeprefix("python ")
