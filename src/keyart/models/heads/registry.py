"""All heads by name; a new one needs one line here. Nothing here imports torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from keyart.errors import InputError
from keyart.utils.former import current_names

if TYPE_CHECKING:
    from keyart.models.heads.base import Head


@dataclass(frozen=True)
class HeadKind:
    """Entry of `HEADS`.

    Args:
        target: Module and class.
        trained: Whether ``model.head`` can choose it; other heads are built from these.
        projected: Whether it takes `Projection` coordinates of the features, as a kernel branch does.
    """

    target: str
    trained: bool = True
    projected: bool = False

    def load(self) -> "type[Head]":
        """Import the class."""
        module, _, attribute = self.target.rpartition(".")
        found: type[Head] = getattr(import_module(module), attribute)
        return found


HEADS = {
    "linear": HeadKind("keyart.models.heads.linear.LinearHead"),
    "mlp": HeadKind("keyart.models.heads.mlp.MLPHead"),
    "ensemble": HeadKind("keyart.models.heads.ensemble.EnsembleHead", projected=True),
    "metric_maps": HeadKind("keyart.models.heads.metric_maps.MetricMapsHead", projected=True),
    "kernel": HeadKind("keyart.models.heads.kernel.KernelHead", trained=False),
    "combined": HeadKind("keyart.models.heads.combined.CombinedHead", trained=False),
    "reduced": HeadKind("keyart.models.heads.reduced.ReducedHead", trained=False),
}
#: Names that ``model.head`` takes.
TRAINED = tuple(name for name, kind in HEADS.items() if kind.trained)
#: Those that take `Projection` coordinates, so that a kernel branch can be added.
PROJECTED = tuple(name for name in TRAINED if HEADS[name].projected)


def build_head_from_description(description: Mapping[str, Any]) -> "Head":
    """Rebuild a head from the result of its `Head.describe`.

    Raises:
        InputError: This version does not know the kind of head.
    """
    record = current_names(description)
    kind = record.pop("kind", None)
    if kind not in HEADS:
        raise InputError(f"embedder: unknown kind of head {kind!r}; it was saved by another version of keyart")
    return HEADS[kind].load().from_description(record)
