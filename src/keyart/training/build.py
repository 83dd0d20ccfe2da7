"""Reading of a composed configuration: `build` turns it into an `Experiment`, and no code below sees it."""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from keyart.errors import InputError
from keyart.images.augment import Augment
from keyart.metrics.registry import DEFAULT_METRICS
from keyart.models.backbone_names import list_names
from keyart.models.heads.build import parameters_of
from keyart.training.experiment import (
    CallbackSettings,
    DataSettings,
    Experiment,
    ModelSettings,
    OptimizerSettings,
    SamplerSettings,
    TrainerSettings,
)
from keyart.training.parameter_groups import OptimizerFactory
from keyart.training.schedule import PhaseSchedule, Scheduler
from keyart.training.trainer_arguments import extra_arguments

#: Keys of ``optimizer`` that are not arguments of its class.
GROUP_KEYS = ("name", "backbone_lr", "layer_decay", "frozen_share", "weight_decay")


def build(cfg: DictConfig) -> Experiment:
    """Build the objects that a configuration describes, before any poster is read."""
    model, callbacks = cfg.model, cfg.callbacks
    config: Any = OmegaConf.to_container(cfg, resolve=True)
    schedule = PhaseSchedule(
        cfg.training.head_epochs, cfg.training.finetune_epochs, build_scheduler(config["scheduler"])
    )
    return Experiment(
        seed=cfg.seed,
        monitor=cfg.monitor,
        data=read_data(cfg.data),
        model=ModelSettings(
            list_names(config["model"]["backbone"]),
            model.weights,
            model.pooling,
            model.flip_average,
            tuple(model.multiscale_size) if model.multiscale_size else None,
            model.head,
            model.embedding_size,
            {
                key: config["model"][key]
                for key in (*parameters_of(model.head), "components", "rotate", "kernel", "frozen_features")
                if key in model
            },
            model.output_size,
        ),
        relevance=cfg.relevance.kind,
        sampler=read_sampler(cfg.sampler),
        augment=Augment.preset(cfg.augment.strength),
        loss=instantiate_node(cfg.loss.build),
        miner=instantiate_node(cfg.miner.build),
        memory=(cfg.memory.size, cfg.memory.start_step),
        schedule=schedule,
        optimizer=OptimizerSettings(
            build_optimizer(config["optimizer"]),
            *(cfg.optimizer[key] for key in ("lr", "backbone_lr", "layer_decay", "frozen_share", "weight_decay")),
        ),
        teacher=None if cfg.training.teacher is None else Path(cfg.training.teacher),
        chunk_size=cfg.training.chunk_size,
        precision=cfg.training.precision,
        evaluation_relevance=cfg.evaluation.relevance,
        evaluation_batch_size=cfg.evaluation.batch_size,
        metrics=config["evaluation"]["metrics"] or DEFAULT_METRICS,
        trainer=read_trainer(config["trainer"]),
        callbacks=CallbackSettings(
            bool(callbacks.progress),
            bool(callbacks.report),
            callbacks.early_stopping.patience,
            callbacks.checkpoint.every_seconds,
            callbacks.checkpoint.every_n_steps,
        ),
        loggers=[
            partial(instantiate_node, one.build) for one in (cfg.get("logger") or {}).values() if one and one.build
        ],
        config=config,
    )


def read_data(data: DictConfig) -> DataSettings:
    """Read the keys of ``data``."""
    height, width = data.image_size
    demo = data.name == "demo"
    return DataSettings(
        catalogue=None if demo else Path(data.catalogue),
        images=None if demo or not data.images else Path(data.images),
        demo_posters=data.posters if demo else 0,
        image_size=(height, width),
        on_bad_poster=data.on_bad_poster,
        val=data.split.val,
        test=data.split.test,
        split_seed=data.split_seed,
    )


def read_sampler(sampler: DictConfig) -> SamplerSettings:
    """Read the keys of ``sampler``."""
    return SamplerSettings(
        instantiate_node(sampler.build), sampler.batch_size, sampler.get("column"), sampler.one_label
    )


def read_trainer(trainer: Mapping[str, Any]) -> TrainerSettings:
    """Read the keys of ``trainer``."""
    if trainer["accelerator"] in ("gpu", "cuda") and not torch.cuda.is_available():
        raise InputError(
            f"trainer.accelerator={trainer['accelerator']}: torch finds no GPU here; use trainer=auto or cpu"
        )
    others = {
        "max_time": trainer["max_time"],
        "gradient_clip_val": trainer["gradient_clip_val"],
        "check_val_every_n_epoch": trainer["check_val_every_n_epoch"],
        "num_sanity_val_steps": 0,
        "enable_model_summary": False,
        "log_every_n_steps": 10,
        **extra_arguments(trainer),
    }
    own = {key: trainer[key] for key in ("accelerator", "devices", "num_nodes", "strategy", "profiler")}
    return TrainerSettings(**own, others=others)


def instantiate_node(node: DictConfig, **extra: Any) -> Any:
    """Instantiate a ``build`` node of the configuration, and raise its errors as `InputError`."""
    try:
        return instantiate(node, **extra)
    except InstantiationException as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, InputError):
            cause = cause.__cause__
        if cause is not None:
            raise cause from None
        key = re.search(r"full_key: (\S+)", str(error))
        raise _cannot_build(key[1] if key else "", node.get("_target_"), error) from error


def build_optimizer(settings: Mapping[str, Any]) -> OptimizerFactory:
    """Return what creates the optimizer of ``optimizer``; Adam, AdamW and SGD are fused unless it says otherwise."""
    target = settings["_target_"]
    arguments = {key: value for key, value in settings.items() if key not in GROUP_KEYS}
    create = _partial("optimizer", arguments)
    if create.func in (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD) and "fused" not in arguments:
        # The fused implementation reads each parameter's memory once, the default one ten times.
        create = partial(create, fused=True)
    try:
        found = create([{"params": [torch.nn.Parameter(torch.zeros(2, 2))], "lr": 1.0} for _ in range(2)])
    except (TypeError, ValueError, RuntimeError) as error:
        why = " ".join(str(error).split())
        raise InputError(f"optimizer._target_={target}: refuses its arguments ({why})") from error
    if not isinstance(found, torch.optim.Optimizer):
        raise InputError(f"optimizer._target_={target}: is not a torch.optim.Optimizer; name one")
    return create


def build_scheduler(settings: Mapping[str, Any]) -> Scheduler:
    """Return the function of a phase's step and number of steps that ``scheduler`` names."""
    scheduler: Scheduler = _partial("scheduler", {key: value for key, value in settings.items() if key != "name"})
    try:
        factors = [float(scheduler(step, 8)) for step in range(8)]
        why = f"it returns {max(factors):g}" if max(factors) > 1 else ""
    except InputError:
        raise
    except (TypeError, ValueError) as error:
        why = " ".join(str(error).split())
    if why:
        raise InputError(
            f"scheduler._target_={settings['_target_']}: must be a function of (step, total) that returns the factor"
            f" of the peak learning rate, at most 1, not a torch.optim.lr_scheduler ({why})"
        )
    return scheduler


def _partial(key: str, settings: Mapping[str, Any]) -> "partial[Any]":
    try:
        found: partial[Any] = instantiate({**settings, "_partial_": True, "_convert_": "all"})
    except InstantiationException as error:
        raise _cannot_build(key, settings.get("_target_"), error) from error
    return found


def _cannot_build(key: str, target: object, error: InstantiationException) -> InputError:
    """Return Hydra's error in one line, with the fix."""
    cause = error.__cause__ or error
    why = f"{type(cause).__name__}: {cause}" if isinstance(cause, TypeError) else str(cause)
    if str(error).startswith("Error locating"):
        fault = f"cannot be loaded ({why}); its module must be importable: add its folder to PYTHONPATH"
    else:
        fault = f"cannot be built ({why}); change its arguments, or write a YAML file for this class"
    return InputError(f"{key}._target_={target}: {fault}")
