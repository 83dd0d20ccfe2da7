"""Checkpoints: written whole or not at all, and read without running code."""

import pickle
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from keyart.errors import InputError
from keyart.utils.files import remove_drafts, replacing, storage_fault


def read_checkpoint(path: Path, map_location: Any = "cpu") -> dict[str, Any]:
    """Read a checkpoint that holds tensors and plain values only.

    A checkpoint is a pickle, and a pickle can run code when it is loaded: one that holds anything else is refused
    before it does.

    Args:
        path: The file.
        map_location: The device of its tensors, as `torch.load` takes it.

    Raises:
        InputError: The file is missing or damaged, or holds something else.
    """
    try:
        state = torch.load(path, map_location=map_location, weights_only=True)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file; copy the run again") from None
    except pickle.UnpicklingError as error:
        if "Weights only load failed" not in str(error):
            raise InputError(f"{path}: is damaged, or no checkpoint; copy the run again") from error
        raise InputError(
            f"{path}: holds more than tensors and plain values, which may run code when it is loaded; it is not read:"
            " take a checkpoint that keyart has written"
        ) from error
    except (OSError, EOFError, RuntimeError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise InputError(f"{path}: is damaged, or no checkpoint; copy the run again") from error
    if not isinstance(state, dict) or not isinstance(state.get("state_dict"), dict):
        raise InputError(f"{path}: is no checkpoint of a training; take one that keyart has written")
    return state


class CheckpointFiles(TorchCheckpointIO):
    """How Lightning writes and reads checkpoints here.

    Lightning's own way writes to the folder of temporary files first; where that is another file system, the
    checkpoint is then copied over the old one, and a process that is killed meanwhile leaves neither. It also loads
    whatever the file holds.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write a checkpoint beside its final name and rename it.

        Raises:
            InputError: The disk is full, or the folder cannot be written; the old checkpoint is still there.
        """
        path = Path(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # What a killed process left is as large as a checkpoint; only one process writes here.
            remove_drafts(path)
            with replacing(path) as draft, draft.open("wb") as file:
                torch.save(checkpoint, file)
        except (OSError, RuntimeError) as error:
            # Torch raises a RuntimeError of its own where its file cannot be written.
            if (fault := storage_fault(error)) is None:
                raise
            resumable = (path.parent / "last.ckpt").is_file()
            then = f"go on with python train.py resume={path.parent.parent}" if resumable else "start the run again"
            raise InputError(f"{path}: cannot be written, {fault}; make room, then {then}") from error

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        """Read a checkpoint, whatever ``weights_only`` says, as `read_checkpoint` does."""
        return read_checkpoint(Path(path), map_location or "cpu")
