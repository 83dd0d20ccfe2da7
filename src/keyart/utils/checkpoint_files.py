"""Checkpoints that are written atomically and read without running code."""

import pickle
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from keyart.errors import InputError
from keyart.utils.files import storage_fault, write_atomically
from keyart.utils.program import train_command


def read_checkpoint(path: Path, map_location: Any = "cpu") -> dict[str, Any]:
    """Read a checkpoint that contains only tensors and plain values.

    A checkpoint is a pickle, and a pickle can run code when it is loaded. A checkpoint that contains anything else is
    rejected before any code runs.

    Raises:
        InputError: The file is missing or damaged, is not a checkpoint, or contains other objects.
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


class AtomicCheckpointIO(TorchCheckpointIO):
    """Lightning plugin that writes checkpoints atomically and reads them safely.

    Lightning's default plugin first writes to the folder of temporary files. If that folder is on another file system,
    the checkpoint is then copied over the old one, and a process that is killed during the copy leaves neither. The
    default plugin also loads any object in the file.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write a checkpoint to a draft in the same folder, then rename it.

        Raises:
            InputError: The disk is full, or the folder cannot be written; the old checkpoint still exists.
        """
        path = Path(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Only one process of a run writes checkpoints.
            write_atomically(path, lambda file: torch.save(checkpoint, file), alone=True)
        except (OSError, RuntimeError) as error:
            # Torch raises its own RuntimeError if it cannot write its file.
            if (fault := storage_fault(error)) is None:
                raise
            resumable = (path.parent / "last.ckpt").is_file()
            then = (
                f"continue with {train_command()} resume={path.parent.parent}" if resumable else "start the run again"
            )
            raise InputError(f"{path}: cannot be written, {fault}; make room, then {then}") from error

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        """Read a checkpoint with `read_checkpoint`; ``weights_only`` is ignored, because reading is always safe."""
        return read_checkpoint(Path(path), map_location or "cpu")
