"""Checks of model keys that depend on each other, before any job of a sweep.

Checks that need timm are done later, by the model itself.
"""

from collections.abc import Mapping
from typing import Any

from keyart.errors import InputError


def check_model(model: Mapping[str, Any]) -> None:
    """Check the keys of a model that depend on each other.

    Raises:
        InputError: They do not fit together.
    """
    if model["pooling"] == "avg":
        if model["flip_average"]:
            raise InputError(
                "model.flip_average=true: model.pooling=avg has nothing to average; set model.pooling=bank"
            )
        if (size := model["bank_size"]) is not None:
            raise InputError(
                f"model.bank_size=[{size[0]},{size[1]}]: model.pooling=avg adds nothing; set model.pooling=bank"
            )
    if model["kernel"]["weight"] > 0 and model["head"] != "ensemble":
        raise InputError(f"model.kernel.weight={model['kernel']['weight']:g}: needs model.head=ensemble")
