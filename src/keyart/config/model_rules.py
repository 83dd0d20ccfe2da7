"""Checks of model keys that depend on each other, before any job of a sweep.

Checks that need timm are done later, by the model itself.
"""

from collections.abc import Mapping
from typing import Any

from keyart.errors import InputError
from keyart.models.heads.registry import PROJECTED
from keyart.models.poolings.registry import adds_columns


def check_model(model: Mapping[str, Any]) -> None:
    """Check the keys of a model that depend on each other.

    Raises:
        InputError: They do not fit together.
    """
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
    weight = (model.get("kernel") or {}).get("weight", 0)
    if weight > 0 and model["head"] not in PROJECTED:
        raise InputError(f"model.kernel.weight={weight:g}: needs model.head={' or '.join(PROJECTED)}")
