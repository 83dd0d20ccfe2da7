"""Checks before a run is resumed: the configuration and the posters must be the original ones."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from keyart.errors import InputError
from keyart.utils.former import current_names
from keyart.utils.reading import read_json, read_yaml

#: Keys that may change on resuming: where and how the run executes, not what it learns.
MUTABLE_KEYS = (
    *("resume", "trainer.", "callbacks.", "logger.", "evaluation.batch_size"),
    *("data.catalogue", "data.images", "training.teacher"),
)
#: Exceptions among these: keys that affect what is learned or which checkpoint is kept.
FIXED_KEYS = (
    "trainer.accumulate_grad_batches",
    "trainer.check_val_every_n_epoch",
    "trainer.fast_dev_run",
    "trainer.gradient_clip_algorithm",
    "trainer.gradient_clip_val",
    "trainer.limit_train_batches",
    "trainer.limit_val_batches",
    "trainer.overfit_batches",
    "trainer.reload_dataloaders_every_n_epochs",
    "trainer.sync_batchnorm",
    "trainer.val_check_interval",
)
#: Keys that records of earlier versions do not contain, with the values that were in force.
ADDED = {
    "optimizer._target_": "torch.optim.AdamW",
    "optimizer._partial_": True,
    "scheduler._target_": "keyart.training.schedule.warmup_cosine",
    "scheduler._partial_": True,
}
#: Keys that records of earlier versions contain also where they have no effect: of other heads and of unused losses.
UNUSED = ("model.", "loss.terms.")


def is_free(key: str) -> bool:
    """Return whether a key may have another value when a run is resumed."""
    return key.startswith(MUTABLE_KEYS) and key not in FIXED_KEYS


def flattened(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted keys and values of a nested configuration.

    >>> dict(flattened({"a": {"b": 1}, "c": 2}))
    {'a.b': 1, 'c': 2}
    """
    for name, value in config.items():
        if isinstance(value, Mapping):
            yield from flattened(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def check_same_config(folder: Path, config: Mapping[str, Any], key_of_folder: str = "resume") -> None:
    """Check that a run is resumed with its original configuration.

    Args:
        folder: The folder of the run.
        config: The current resolved configuration.
        key_of_folder: The key by which the user named the folder, for error messages.
    """
    recorded = folder / "config.yaml"
    if not recorded.is_file():
        return
    before = dict(flattened(current_names(read_yaml(recorded))))
    now = dict(flattened(config))
    for key in sorted(before.keys() | now.keys()):
        if is_free(key) or ".build." in key or (key not in now and key.startswith(UNUSED)):
            continue  # A ``build`` node only repeats the values of other keys.
        was, is_now = before.get(key, ADDED.get(key)), now.get(key, 0.0 if key.startswith("loss.weights.") else None)
        if was != is_now:
            raise InputError(
                f"{key_of_folder}={folder}: {key} was {was} and is {is_now} now; a run is continued as it began: leave"
                " the override out, or start a new run"
            )


def check_same_dataset(folder: Path, dataset: Mapping[str, Any]) -> None:
    """Check that a run is resumed on its original posters.

    Args:
        folder: The folder of the run.
        dataset: The current description of the dataset, in the format of ``environment.json``.
    """
    environment = folder / "environment.json"
    if not environment.is_file():
        return
    known = read_json(environment, {"dataset": dict})["dataset"]
    for key in ("fingerprint", "pixels"):
        if known.get(key) != dataset.get(key):
            raise InputError(
                f"resume={folder}: the posters of {dataset.get('catalogue')} are not those that the run began with;"
                " restore them, or start a new run"
            )
    if known.get("teacher") != dataset.get("teacher"):
        recorded = read_yaml(folder / "config.yaml").get("training", {}).get("teacher")
        raise InputError(
            f"resume={folder}: training.teacher has not the embeddings that the run began with; set"
            f" training.teacher={recorded}, or start a new run"
        )
