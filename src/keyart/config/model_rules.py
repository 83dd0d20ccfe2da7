"""Checks of model keys that depend on each other, before any job of a sweep.

Checks that need timm are done later, by the model itself.
"""

from collections.abc import Mapping
from typing import Any

from keyart.errors import InputError
from keyart.models.backbone_names import list_names
from keyart.models.heads.registry import PROJECTED
from keyart.models.poolings.registry import adds_columns

MOST_HEAD_WEIGHTS = 250_000_000
"""Maximum number of weights of a head: Adam holds 4 GB for them. The default of metric maps has 9.1 million."""
MOST_MEMORY = 500_000_000
"""Maximum of numbers in the memory of earlier batches: 2 GB."""


def check_model(model: Mapping[str, Any]) -> None:
    """Check the keys of a model that depend on each other."""
    list_names(model["backbone"], model["weights"])
    if not adds_columns(pooling := model["pooling"]):
        if model["flip_average"]:
            raise InputError(
                f"model.flip_average=true: model.pooling={pooling} has nothing to average; set model.pooling=multiscale"
            )
        if (size := model["multiscale_size"]) is not None:
            raise InputError(
                f"model.multiscale_size=[{size[0]},{size[1]}]: model.pooling={pooling} adds nothing; set"
                " model.pooling=multiscale"
            )
    keys = ("heads", "hidden_size", "landmarks", "components", "embedding_size")
    sizes = {key: model[key] for key in keys if key in model}
    inputs, output, heads = sizes.get("components", 0), sizes["embedding_size"], sizes.get("heads", 1)
    hidden, landmarks = sizes.get("hidden_size", 0), sizes.get("landmarks", 0)
    weights = hidden * (inputs + output) * heads + landmarks * (inputs + landmarks + output * heads)
    if weights > MOST_HEAD_WEIGHTS:
        text = ", ".join(f"model.{key}={value}" for key, value in sizes.items())
        raise InputError(f"{text}: the head has {weights:,} weights, and {MOST_HEAD_WEIGHTS:,} is the most; lower one")
    weight = (model.get("kernel") or {}).get("weight", 0)
    if weight > 0 and model["head"] not in PROJECTED:
        raise InputError(f"model.kernel.weight={weight:g}: needs model.head={' or '.join(PROJECTED)}")


def check_memory(size: int, model: Mapping[str, Any]) -> None:
    """Check that the embeddings of ``memory.size`` posters fit in memory."""
    width = model.get("heads", 1) * model["embedding_size"]
    if size * width > MOST_MEMORY:
        most = MOST_MEMORY // width
        raise InputError(f"memory.size={size}: with embeddings of {width:,} numbers it takes at most {most:,}")
