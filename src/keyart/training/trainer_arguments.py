"""Arguments of ``lightning.Trainer`` that may be set under ``trainer.``, read without importing Lightning."""

import ast
import re
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from keyart.errors import InputError

#: Arguments that keyart sets itself, and what the user should write instead.
INSTEAD = {
    "barebones": "leave it out",
    "callbacks": "the keys of callbacks choose them",
    "default_root_dir": "write hydra.run.dir=<the run's folder>",
    "enable_checkpointing": "leave it out; callbacks.checkpoint says how often",
    "enable_progress_bar": "write callbacks.progress=",
    "logger": "write logger=, such as logger=wandb or logger=[wandb,tensorboard]",
    "max_epochs": "write training.head_epochs= and training.finetune_epochs=",
    "plugins": "leave it out",
    "precision": "write training.precision=",
    "use_distributed_sampler": "leave it out; sampler= chooses what a batch holds",
}
#: Keys of ``trainer`` in conf/ that `keyart.training.train` handles itself.
OWN = {
    "name",
    "accelerator",
    "devices",
    "num_nodes",
    "strategy",
    "profiler",
    "max_time",
    "gradient_clip_val",
    "check_val_every_n_epoch",
}
_KINDS: dict[str, tuple[type, ...]] = {"bool": (bool,), "int": (int,), "float": (int, float), "str": (str,)}


@cache
def trainer_arguments() -> Mapping[str, str]:
    """Return each argument of the installed ``lightning.Trainer`` and its annotation, read from its source."""
    spec = find_spec("lightning")
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin).parent / "pytorch" / "trainer" / "trainer.py"
    tree = ast.parse(source.read_text(encoding="utf-8"))
    (trainer,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Trainer")
    (init,) = (node for node in trainer.body if isinstance(node, ast.FunctionDef) and node.name == "__init__")
    return {
        argument.arg: ast.unparse(argument.annotation) if argument.annotation else ""
        for argument in init.args.kwonlyargs
    }


def free_keys() -> set[str]:
    """Return the keys under ``trainer`` that are passed unchanged to ``lightning.Trainer``."""
    return {f"trainer.{name}" for name in trainer_arguments() if name not in INSTEAD}


def extra_arguments(trainer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries of ``trainer`` that are passed unchanged to ``lightning.Trainer``."""
    return {str(name): value for name, value in trainer.items() if name not in OWN}


def check_arguments(trainer: Mapping[str, Any]) -> None:
    """Check the arguments of ``lightning.Trainer`` that have no key of their own in conf/."""
    for name, value in extra_arguments(trainer).items():
        if name in INSTEAD:
            raise InputError(f"trainer.{name}: keyart sets this argument of lightning.Trainer itself; {INSTEAD[name]}")
        if name not in trainer_arguments():
            raise InputError(f"trainer.{name}: is not an argument of lightning.Trainer; leave it out")
        annotation = trainer_arguments()[name]
        words = re.findall(r"\w+", annotation.replace("_LITERAL_WARN", "str"))
        kinds = [word for word in dict.fromkeys(words) if word in _KINDS]
        if value is None and "Optional" in words:
            continue
        types = {kind for word in kinds for kind in _KINDS[word]}
        if type(value) not in types:
            found = " or ".join([*kinds, *(["null"] if "Optional" in words else [])])
            raise InputError(f"trainer.{name}={value}: lightning.Trainer takes {found} for it")
