"""Creation of backbones, with strict checks of names, weights and input sizes."""

import copy
import difflib
import logging
import math
from collections.abc import Sequence
from typing import Any, overload

import torch

from keyart.errors import InputError
from keyart.models.backbone import Backbone, TimmBackbone
from keyart.models.backbone_names import list_names
from keyart.models.joined_backbone import JoinedBackbone
from keyart.models.poolings.registry import adds_columns
from keyart.models.weights import WeightSource, load_by_position, locate_weights, mismatch, read_state_dict

log = logging.getLogger(__name__)


def check_backbone(
    name: str | Sequence[str], weights: str = "pretrained", pooling: str = "avg"
) -> dict[str, WeightSource]:
    """Check a backbone's name, weights and pooling within seconds, without building anything.

    Args:
        name: Any timm model, with or without a tag (``resnet18.a1_in1k``), or several.
        weights: ``pretrained``, ``none`` or, for one model, a file.
        pooling: A name in `POOLINGS`.

    Returns:
        Where the weights of each model will come from.

    Raises:
        InputError: A name or the pooling is unknown, a model is named twice, or the weights are not available.
    """
    adds_columns(pooling)
    names = list_names(name, weights)
    for one in names:
        _check_name(one)
    return {one: locate_weights(one, weights) for one in names}


@overload
def create_backbone(
    name: str,
    weights: str = ...,
    pooling: str = ...,
    image_size: tuple[int, int] = ...,
    flip_average: bool = ...,
    multiscale_size: tuple[int, int] | None = ...,
) -> TimmBackbone: ...
@overload
def create_backbone(
    name: str | Sequence[str],
    weights: str = ...,
    pooling: str = ...,
    image_size: tuple[int, int] = ...,
    flip_average: bool = ...,
    multiscale_size: tuple[int, int] | None = ...,
) -> Backbone: ...
def create_backbone(
    name: str | Sequence[str],
    weights: str = "pretrained",
    pooling: str = "avg",
    image_size: tuple[int, int] = (256, 176),
    flip_average: bool = False,
    multiscale_size: tuple[int, int] | None = None,
) -> Backbone:
    """Create a backbone with the requested weights; never fall back to others.

    Args:
        name: Any timm model, with or without a tag (``resnet18.a1_in1k``); several are joined, see `JoinedBackbone`.
        weights: ``pretrained``, ``none`` (random, from torch's generator), or, for one model, a safetensors file or
            torch state dict, in which every tensor except the classifier's must match the model.
        pooling: A name in `POOLINGS`; see `Backbone`.
        image_size: (height, width) of the images.
        flip_average: Whether to average the columns that the pooling adds over the image and its mirror image.
        multiscale_size: (height, width) to which images are resized for the columns that the pooling adds; None does
            not resize them.

    Returns:
        The backbone, in evaluation mode.

    Raises:
        InputError: A name or the pooling is unknown, the weights are not available or do not match, or an architecture
            does not accept images of this size.
    """
    sources = check_backbone(name, weights, pooling)
    if flip_average and not adds_columns(pooling):
        raise InputError(
            f"model.flip_average=true: model.pooling={pooling} has nothing to average; set model.pooling=multiscale"
        )
    if multiscale_size is not None and not adds_columns(pooling):
        raise InputError(
            f"model.multiscale_size={multiscale_size[0]},{multiscale_size[1]}: model.pooling={pooling} adds nothing;"
            " set model.pooling=multiscale"
        )
    networks = [
        _create_network(one, source, pooling, image_size, flip_average, multiscale_size)
        for one, source in sources.items()
    ]
    return networks[0] if len(networks) == 1 else JoinedBackbone(networks).eval()


def _create_network(
    name: str,
    source: WeightSource,
    pooling: str,
    image_size: tuple[int, int],
    flip_average: bool,
    multiscale_size: tuple[int, int] | None,
) -> TimmBackbone:
    """Create the backbone of one timm model; see `create_backbone`."""
    import timm

    if source.kind in ("none", "package", "file"):
        model: Any = timm.create_model(name, pretrained=False)
        if source.kind == "package":
            assert source.path is not None
            state = torch.load(source.path, map_location="cpu", weights_only=True)
            load_by_position(model, state, source.path)
        elif source.kind == "file":
            model = _load_file(model, name, source)
    else:
        model = _from_hub(name, source)
    model.reset_classifier(0)
    model, input_size = _fit_input(model, name, image_size)
    if multiscale_size is not None and input_size is not None:
        raise InputError(
            f"model.multiscale_size={multiscale_size[0]},{multiscale_size[1]}: {name} takes images of one size alone;"
            " leave it null"
        )
    return TimmBackbone(
        model,
        name=name,
        pooling=pooling,
        image_size=image_size,
        input_size=input_size,
        flip_average=flip_average,
        multiscale_size=multiscale_size,
    )


def _check_name(name: str) -> None:
    """Raise unless timm knows the architecture, and the tag if the name has one."""
    from timm.models import get_arch_pretrained_cfgs, is_model, list_models

    architecture, _, tag = name.partition(".")
    if not is_model(architecture):
        near = difflib.get_close_matches(architecture, list_models(), n=3, cutoff=0.5)
        hint = f"did you mean {', '.join(near)}?" if near else "timm.list_models() lists all"
        raise InputError(f"model.backbone={name}: timm has no such model; {hint}")
    known = list(get_arch_pretrained_cfgs(architecture))
    if tag and name not in known:
        raise InputError(f"model.backbone={name}: timm has no such weights; choose one of {', '.join(known)}")


def _load_file(model: Any, name: str, source: WeightSource) -> Any:
    """Load a file's weights into the model, either directly or through timm's conversion of published checkpoints."""
    import timm

    assert source.path is not None
    state = read_state_dict(source.path)
    classifier = model.pretrained_cfg.get("classifier") or ()
    names = (classifier,) if isinstance(classifier, str) else tuple(classifier)
    ignore = tuple(f"{prefix}." for prefix in names)
    difference = mismatch(model, state, ignore)
    if not difference:
        model.load_state_dict({key: value for key, value in state.items() if not key.startswith(ignore)}, strict=False)
        return model
    try:
        return timm.create_model(name, pretrained=True, pretrained_cfg_overlay={"state_dict": state, "file": None})
    except Exception as error:
        raise InputError(
            f"model.weights={source.path} does not fit model.backbone={name}: {difference}; give weights of that "
            "architecture"
        ) from error


def _from_hub(name: str, source: WeightSource) -> Any:
    """Load timm's own weights into the model, from the cached file or over the network."""
    import timm

    overlay = None
    if source.path is not None:
        custom = timm.get_pretrained_cfg_value(name, "custom_load") == "hf"
        overlay = {"file": str(source.path), "custom_load": custom}
    try:
        return timm.create_model(name, pretrained=True, pretrained_cfg_overlay=overlay)
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError(
            f"model.weights=pretrained: the weights of {name} could not be loaded from "
            f"{source.path or 'the hub'} ({type(error).__name__}: {reason}); set model.weights=<file>, choose "
            "model=efficientnet_lite0, or train from random with model.weights=none"
        ) from error


def _fit_input(model: Any, name: str, image_size: tuple[int, int]) -> tuple[Any, tuple[int, int] | None]:
    """Adapt a network of fixed input size to the images' shape; return it and the size to resize images to."""
    cfg = model.pretrained_cfg
    if not cfg.get("fixed_input_size", False):
        return model, None
    step = max((int(stage["reduction"]) for stage in getattr(model, "feature_info", [])), default=1)
    height, width = (max(1, math.floor(side / step + 0.5)) * step for side in image_size)
    native = (int(cfg["input_size"][1]), int(cfg["input_size"][2]))
    if hasattr(model, "set_input_size"):
        fitted = copy.deepcopy(model).eval()
        try:
            fitted.set_input_size(img_size=(height, width))
            with torch.no_grad():
                fitted.forward_features(torch.zeros(1, 3, height, width))
        except Exception as error:
            why = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        else:
            if (height, width) != tuple(image_size):
                log.info("%s works in steps of %d pixels: images are resized to %d×%d", name, step, height, width)
            return fitted, (height, width)
    else:
        why = "its input size is fixed"
    log.warning("%s cannot take %d×%d images (%s): they are resized to %d×%d", name, *image_size, why, *native)
    return model, native
