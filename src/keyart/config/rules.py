"""Validation rules of configuration keys, with a one-line message for each invalid value.

The rules know names, types and ranges. They import neither torch nor timm, so that a wrong value is reported at once.
Keys without a rule (a logger's own arguments, a loss's own numbers) are checked by the objects that receive them.
"""

import difflib
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from keyart.catalogue.demo import check_demo
from keyart.config.loss_rules import check_combination, check_loss
from keyart.config.model_rules import check_memory, check_model
from keyart.errors import InputError
from keyart.metrics.registry import DEFAULT_METRICS, MACRO, computes, result_names
from keyart.models.heads.registry import TRAINED
from keyart.models.poolings.registry import POOLINGS
from keyart.runs.run import Run
from keyart.training.trainer_arguments import check_arguments
from keyart.utils.paths import expand_home

Rule = Callable[[Any], str | None]
"""Function that takes a value and returns a description of valid values, or None if the value is valid."""


MOST_COMPONENTS = 65_536
"""Maximum number of components and of hidden units: more than any backbone has features."""
MOST = 1_000_000
"""Maximum of whole numbers that need no closer bound: such a run would not end either."""


def integer(low: int, high: int = MOST, *, optional: bool = False) -> Rule:
    """Create a rule for whole numbers in [low, high]."""
    requested = f"a whole number from {low} to {high}"

    def rule(value: Any) -> str | None:
        if value is None and optional:
            return None
        fits = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        return None if fits else requested + (" or null" if optional else "")

    return rule


def real(low: float, high: float = math.inf, *, above: bool = False, optional: bool = False) -> Rule:
    """Create a rule for numbers in [low, high], or in (low, high] with ``above``."""
    floor = f"above {low:g}" if above else f"of at least {low:g}"
    requested = f"a number {floor}" if high == math.inf else f"a number {floor} and at most {high:g}"

    def rule(value: Any) -> str | None:
        if value is None and optional:
            return None
        fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        fits = fits and (value > low if above else value >= low) and value <= high
        return None if fits else requested + (" or null" if optional else "")

    return rule


def one_of(*choices: Any) -> Rule:
    """Create a rule for one of a few values."""

    def rule(value: Any) -> str | None:
        near = difflib.get_close_matches(str(value), [str(c) for c in choices], n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        known = any(value is c if c is None or isinstance(c, bool) else value == c for c in choices)
        return None if known else "one of " + ", ".join("null" if c is None else str(c) for c in choices) + hint

    return rule


def nonempty_text(value: Any) -> str | None:
    """Check for a non-empty text on one line."""
    fits = isinstance(value, str) and value.strip() and not any(c in value for c in "\n\0")
    return None if fits else "a non-empty text on one line"


def backbone_names(value: Any) -> str | None:
    """Check for a name, or a list of different names."""
    names = list(value) if isinstance(value, list | tuple) else [value]
    fits = bool(names) and not any(nonempty_text(name) for name in names) and len({*names}) == len(names)
    return None if fits else "the name of a timm model, or a list of different names such as [resnet18,resnet50]"


def folder_name(value: Any) -> str | None:
    """Check for a name that is also a valid folder below ``outputs``."""
    fits = nonempty_text(value) is None and not value.startswith(("/", "~")) and ".." not in value.split("/")
    return None if fits else "the name of a folder below outputs/"


def devices(value: Any) -> str | None:
    """Check for a number of devices, or a list of device numbers."""
    if isinstance(value, list | tuple):
        fits = bool(value) and all(isinstance(v, int) and v >= 0 for v in value)
    else:
        fits = value == "auto" or (isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST)
    return None if fits else f"auto, a whole number from 1 to {MOST}, or a list of device numbers such as [0,1]"


def duration(value: Any) -> str | None:
    """Check for a duration in Lightning's format, or null."""
    fits = value is None or (isinstance(value, str) and re.fullmatch(r"\d+:\d\d:\d\d:\d\d", value))
    return None if fits else "days:hours:minutes:seconds, such as 00:01:30:00, or null"


def image_size(value: Any) -> str | None:
    """Check for height and width in pixels."""
    fits = isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 2
    fits = fits and all(isinstance(v, int) and not isinstance(v, bool) and 32 <= v <= 2048 for v in value)
    return None if fits else "[height,width], each from 32 to 2048 pixels"


def validation_metric(value: Any) -> str | None:
    """Check for a metric of the validation split, because nothing may be selected by test metrics."""
    return None if isinstance(value, str) and value.startswith("val/") else "a metric of the validation split, val/…"


RULES: dict[str, Rule] = {
    "name": folder_name,
    "seed": integer(0, 2**31 - 1),
    "monitor": validation_metric,
    "training.head_epochs": integer(0),
    "training.finetune_epochs": integer(0),
    "training.chunk_size": integer(1, optional=True),
    "training.precision": one_of("auto", "fp32", "bf16"),
    "data.on_bad_poster": one_of("error", "skip"),
    "data.image_size": image_size,
    "data.split_seed": integer(0, 2**31 - 1),
    "data.split.val": real(0, 0.9, above=True),
    "data.split.test": real(0, 0.9, above=True),
    "data.posters": integer(60, 100_000),
    "relevance.kind": one_of("jaccard", "idf_cosine", "any", "exact"),
    "evaluation.relevance": one_of("jaccard", "idf_cosine", "any", "exact"),
    "evaluation.batch_size": integer(1),
    "sampler.batch_size": integer(2),
    "sampler.m": integer(1, optional=True),
    "sampler.tempering": real(0, 1),
    "sampler.column": nonempty_text,
    "memory.size": integer(0),
    "memory.start_step": integer(0),
    "augment.strength": one_of("none", "light", "medium", "strong"),
    "model.weights": nonempty_text,
    "model.backbone": backbone_names,
    "model.pooling": one_of(*POOLINGS),
    "model.flip_average": one_of(True, False),
    "model.rotate": one_of(True, False),
    "model.multiscale_size": lambda value: None if value is None else image_size(value),
    "model.head": one_of(*TRAINED),
    "model.heads": integer(1, 64),
    "model.components": integer(1, MOST_COMPONENTS),
    "model.feature_dropout": real(0, 0.99),
    "model.output": one_of("linear", "relu"),
    "model.started": integer(0, 64),
    "model.landmarks": integer(1, 16_384),
    "model.ridge": real(0, above=True),
    "model.mean": real(0, 1),
    "model.confidence": real(0, 1),
    "model.kernel.weight": real(0),
    "model.kernel.size": integer(1, 4096),
    "model.kernel.ridge": real(0, above=True),
    "model.kernel.mean": real(0, 1),
    "model.kernel.confidence": real(0, 1),
    "model.frozen_features.balance": real(0),
    "model.frozen_features.components": integer(1, MOST_COMPONENTS),
    "model.frozen_features.power": real(0, 1),
    "model.hidden_size": integer(1, MOST_COMPONENTS),
    "model.dropout": real(0, 0.99),
    "model.embedding_size": integer(2, 8192),
    "model.output_size": integer(2, optional=True),
    "optimizer.lr": real(0, above=True),
    "optimizer.backbone_lr": real(0),
    "sampler.one_label": one_of(True, False),
    "optimizer.frozen_share": real(0, 1),
    "optimizer.layer_decay": real(0, 1, above=True),
    "optimizer.weight_decay": real(0),
    "scheduler.warmup": real(0, 0.99),
    "trainer.accelerator": one_of("auto", "cpu", "gpu", "cuda", "mps"),
    "trainer.devices": devices,
    "trainer.strategy": nonempty_text,
    "trainer.max_time": duration,
    "trainer.num_nodes": integer(1),
    "trainer.profiler": one_of(None, "simple", "advanced", "pytorch"),
    "trainer.gradient_clip_val": real(0, above=True, optional=True),
    "trainer.check_val_every_n_epoch": integer(1),
    "logger.wandb.mode": one_of("auto", "online", "offline", "disabled"),
    "logger.wandb.checkpoints": one_of(True, False),
    "logger.wandb.embeddings": one_of(True, False),
    "callbacks.progress": one_of(True, False),
    "callbacks.report": one_of(True, False),
    "callbacks.early_stopping.patience": integer(1, optional=True),
    "callbacks.checkpoint.every_seconds": real(0),
    "callbacks.checkpoint.every_n_steps": integer(1, optional=True),
}

_RANKS = one_of("hard", "semi_hard", "easy", "all")
MINER_RULES: dict[str, dict[str, Rule]] = {
    "semi_hard": {
        "margin": real(0, 2, above=True),
        "kind": one_of("semi_hard", "hard", "violating"),
        "negatives": one_of("all", "nearest"),
    },
    "hard": {"positives": _RANKS, "negatives": _RANKS},
    "multi_similarity": {"epsilon": real(0)},
    "distance_weighted": {"cutoff": real(0, 2, above=True), "nonzero_loss_cutoff": real(0, 2, above=True)},
    "pair_margin": {"positive_margin": real(0, 2), "negative_margin": real(0, 2)},
}
"""Rules of the keys of keyart's own miners, by miner. Other miners are checked when they are built."""


def lookup(config: Mapping[str, Any], key: str) -> Any:
    """Return the value at a dotted key; raise ``KeyError`` if there is none."""
    value: Any = config
    for part in key.split("."):
        if not isinstance(value, Mapping):
            raise KeyError(key)
        value = value[part]
    return value


def show(value: Any) -> str:
    """Format a value as on the command line."""
    if value is None:
        return "null"
    if isinstance(value, list | tuple):
        return "[" + ",".join(show(v) for v in value) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def check_miner(miner: Mapping[str, Any]) -> None:
    """Check the keys of a miner."""
    if "class" in miner:
        from keyart.losses.miners.pml import PMLMiner

        PMLMiner(miner["class"], miner["args"])
    name = miner["name"]
    for key, rule in MINER_RULES.get(name, {}).items():
        if requested := rule(miner.get(key)):
            raise InputError(f"miner.{key}={show(miner.get(key))}: with miner={name} it takes {requested}")
    if name == "hard":
        for key, other in (("positives", "negatives"), ("negatives", "positives")):
            if miner[key] == "semi_hard" and miner[other] in ("semi_hard", "all"):
                raise InputError(
                    f"miner.{key}=semi_hard: compares with the other choice; set miner.{other}=hard or easy"
                )
    if name == "distance_weighted" and miner["nonzero_loss_cutoff"] <= miner["cutoff"]:
        raise InputError(
            f"miner.nonzero_loss_cutoff={show(miner['nonzero_loss_cutoff'])}: takes a distance above"
            f" miner.cutoff={show(miner['cutoff'])}"
        )


def check_evaluation(metrics: Sequence[str] | None, monitor: str) -> None:
    """Check the chosen metrics, and that ``monitor`` is one of them."""
    if metrics is not None and not (isinstance(metrics, list | tuple) and all(isinstance(m, str) for m in metrics)):
        raise InputError(f"evaluation.metrics={show(metrics)}: takes a list of names, such as [ndcg@10,map], or null")
    chosen = DEFAULT_METRICS if metrics is None else metrics
    try:
        known = computes(chosen, monitor.removeprefix("val/"))
    except InputError as error:
        raise InputError(f"evaluation.{error}") from None
    if not known:
        names = ["val/" + (f"{name}{MACRO}" if name.endswith("/genre") else name) for name in result_names(chosen)]
        near = difflib.get_close_matches(monitor, names, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise InputError(
            f"monitor={monitor}: evaluation.metrics does not contain it{hint}; choose among {', '.join(names)}"
        )


def check_sampler(sampler: Mapping[str, Any]) -> None:
    """Check that a batch has space for the ``m`` posters of a class, and that a class can form a pair."""
    m, batch_size = sampler.get("m"), sampler["batch_size"]
    if m is None and sampler["name"] == "m_per_class":
        raise InputError("sampler.m=null: sampler=m_per_class takes a number; name one, or take sampler=random")
    if m is not None and m > batch_size:
        raise InputError(
            f"sampler.m={m} is larger than sampler.batch_size={batch_size}:"
            " a batch must hold at least m posters; lower sampler.m or raise sampler.batch_size"
        )
    if sampler["name"] == "pk" and (m is None or m < 2):
        raise InputError(f"sampler.m={show(m)}: sampler=pk takes at least 2, so that a class makes a pair")


def check_data(data: Mapping[str, Any]) -> None:
    """Check that the configured catalogue and images exist."""
    if data.get("name") == "demo":
        try:
            check_demo()
        except InputError as error:
            raise InputError(f"data=demo: {error}") from None
        for key in ("catalogue", "images"):
            if (value := data.get(key)) is not None:
                raise InputError(f"data.{key}={value}: data=demo renders its own posters; add data=posters")
    elif "catalogue" in data:
        catalogue = data["catalogue"]
        if catalogue in (None, "???"):
            raise InputError("data.catalogue is missing: name the table of posters, data.catalogue=<CSV or Parquet>")
        if not Path(expand_home(str(catalogue))).is_file():
            raise InputError(f"data.catalogue={catalogue}: there is no such file; name a CSV or Parquet table")
        images = data.get("images")
        if images is not None and not Path(expand_home(str(images))).is_dir():
            raise InputError(f"data.images={images}: there is no such folder; name the folder that holds the posters")
    val, test = lookup(data, "split.val"), lookup(data, "split.test")
    if val + test >= 0.95:
        raise InputError(
            f"data.split.val={val:g} and data.split.test={test:g} leave no posters to train on;"
            " their sum must stay below 0.95"
        )


def check_teacher(teacher: str | None) -> None:
    """Check that the teacher is a finished run."""
    if teacher is not None:
        try:
            Run.open(teacher)
        except InputError as error:
            raise InputError(f"training.teacher={error}") from None


def check_loggers(loggers: Mapping[str, Any]) -> None:
    """Check that the packages of the chosen loggers are installed."""
    for name, logger in loggers.items():
        needs = logger.get("needs")
        if needs is not None and find_spec(str(needs)) is None:
            raise InputError(f"logger={name}: the package {needs} is not installed; pip install -e '.[{needs}]'")


def check_trainer(trainer: Mapping[str, Any]) -> None:
    """Check that the requested CPU processes do not exceed this machine's cores."""
    cores, requested = os.cpu_count() or 1, trainer.get("devices")
    if trainer.get("accelerator") == "cpu" and isinstance(requested, int) and requested > cores:
        raise InputError(
            f"trainer.devices={requested}: this machine has {cores} cores; take trainer.devices={cores} or less"
        )


def check_config(config: Mapping[str, Any], *, here: bool = True) -> None:
    """Check one composed and resolved configuration.

    Args:
        config: The configuration as plain dicts and lists.
        here: Whether the run will use this machine; then it must have enough cores.
    """
    for key, rule in RULES.items():
        try:
            value = lookup(config, key)
        except KeyError:
            continue
        requested = rule(value)
        if requested is not None:
            raise InputError(f"{key}={show(value)}: {key} takes {requested}")
    if config["training"]["head_epochs"] + config["training"]["finetune_epochs"] == 0:
        raise InputError(
            "training.head_epochs=0 and training.finetune_epochs=0: nothing would be trained; set one above 0"
        )
    loss, miner = config["loss"], config["miner"]
    check_model(config["model"])
    check_memory(config["memory"]["size"], config["model"])
    check_loss(loss)
    check_miner(miner)
    check_combination(loss, miner=miner["name"], memory=config["memory"]["size"] > 0)
    check_evaluation(config["evaluation"].get("metrics"), config["monitor"])
    check_sampler(config["sampler"])
    check_data(config["data"])
    check_teacher(config["training"].get("teacher"))
    check_arguments(config["trainer"])
    if here:
        check_trainer(config["trainer"])
    check_loggers(config.get("logger") or {})
    if config.get("resume") is not None and not (Path(config["resume"]) / "checkpoints" / "last.ckpt").is_file():
        raise InputError(
            f"resume={config['resume']}: there is no checkpoints/last.ckpt in it; name the folder of a run"
        )
