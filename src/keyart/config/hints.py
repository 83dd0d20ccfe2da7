"""Suggestions for a key that does not exist."""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path

from keyart.config.nodes import package_of
from keyart.config.yaml_files import read_yaml
from keyart.utils.program import train_command

#: Keys of other programs, by their last part, with keyart's keys.
ELSEWHERE = {
    "batch_size": "sampler.batch_size",
    "ckpt_path": "resume",
    "csv": "data.catalogue",
    "data_dir": "data.images",
    "epochs": "training.head_epochs",
    "learning_rate": "optimizer.lr",
    "max_epochs": "training.head_epochs",
    "num_epochs": "training.head_epochs",
    "task_name": "name",
}
_ABSENT = object()
_ALIKE = 0.75
_MOST = 12


def options_with(key: str, config_folder: Path) -> list[str]:
    """Return the options of config groups whose files have a key, such as ``["head=ensemble"]`` for ``model.heads``."""
    found = []
    for file in sorted(config_folder.glob("*/*.yaml")):
        package = package_of(file, file.parent.name)
        inner = key.removeprefix(f"{package}.")
        value = read_yaml(file) if package and inner != key else None
        for part in inner.split("."):
            value = value.get(part, _ABSENT) if isinstance(value, Mapping) else _ABSENT
        if value is not _ABSENT:
            found.append(f"{file.parent.name}={file.stem}")
    return found


def hint_for(key: str, known: Iterable[str], config_folder: Path | None = None) -> str:
    """Suggest a replacement for a key that does not exist.

    Candidates are tried in this order: the same key with another option of a config group; a key with a similar last
    part under the same parent; the same last part elsewhere; a similar whole key. Otherwise the hint lists the keys
    of the parent.

    Args:
        key: The dotted key.
        known: Every dotted key that exists.
        config_folder: The folder of the configuration; None: options of config groups are not searched.

    Examples:
        >>> known = ["model", "model.embedding_size", "optimizer", "optimizer.lr", "trainer", "trainer.devices"]
        >>> hint_for("embedding_size", known), hint_for("optimizer.lrr", known)
        ('did you mean model.embedding_size?', 'did you mean optimizer.lr?')
        >>> hint_for("trainer.loops", known)
        'trainer holds devices'
    """
    if config_folder is not None and (options := options_with(key, config_folder)):
        return f"only {', '.join(options)} {'has' if len(options) == 1 else 'have'} it"
    known = sorted(set(known))
    parent, _, last = key.rpartition(".")
    same = [one for one in known if one.rpartition(".")[2] == last and one.count(".") < 3]
    if last in ELSEWHERE and ELSEWHERE[last] in known:
        same = [ELSEWHERE[last]]
    children = [one for one in known if one.rpartition(".")[0] == parent]
    alike = difflib.get_close_matches(last, [one.rpartition(".")[2] for one in children], n=1, cutoff=_ALIKE)
    if alike:
        return f"did you mean {f'{parent}.' if parent else ''}{alike[0]}?"
    if same:
        return f"did you mean {' or '.join(same[:3])}?"
    if not children and (whole := difflib.get_close_matches(key, known, n=1, cutoff=_ALIKE)):
        return f"did you mean {whole[0]}?"
    if parent and children:
        names = [one.rpartition(".")[2] for one in children]
        more = ", …" if len(names) > _MOST else ""
        return f"{parent} holds {', '.join(names[:_MOST])}{more}"
    return f"{train_command()} --help lists the keys"
