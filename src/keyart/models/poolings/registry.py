"""All poolings by name; a new one needs one line here. Nothing here imports torch."""

from importlib import import_module
from typing import TYPE_CHECKING

from keyart.errors import InputError

if TYPE_CHECKING:
    from keyart.models.poolings.base import Pooling

#: Module and class of each pooling; None adds no columns.
POOLINGS: dict[str, str | None] = {
    "avg": None,
    "gem": "keyart.models.poolings.gem.GeM",
    "depths": "keyart.models.poolings.depths.DepthMoments",
    "multiscale": "keyart.models.poolings.multiscale.MultiscalePooling",
}


def adds_columns(name: str) -> bool:
    """Return whether a pooling adds columns to timm's own pooled features.

    Examples:
        >>> adds_columns("avg"), adds_columns("multiscale")
        (False, True)
    """
    if name not in POOLINGS:
        raise InputError(f"model.pooling={name}: unknown; choose one of {', '.join(POOLINGS)}")
    return POOLINGS[name] is not None


def create_pooling(name: str) -> "Pooling | None":
    """Create a pooling; None if it adds no columns."""
    if not adds_columns(name):
        return None
    module, _, attribute = str(POOLINGS[name]).rpartition(".")
    created: Pooling = getattr(import_module(module), attribute)()
    return created
