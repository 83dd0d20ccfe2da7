"""Creation of heads from configuration values."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from keyart.catalogue.relevance import RelevanceKind
from keyart.errors import InputError
from keyart.models.heads.base import Head
from keyart.models.heads.combined import CombinedHead
from keyart.models.heads.kernel import KernelHead
from keyart.models.heads.projection import Projection
from keyart.models.heads.registry import HEADS, PROJECTED, TRAINED
from keyart.models.poolings.base import Groups

#: Groups of a feature bank that the frozen-features branch keeps, of each network: moments of all depths.
FROZEN_GROUPS = ("head", "high", "mid", "low")


def build_head(
    kind: str,
    groups: Groups | int,
    embedding_size: int,
    *,
    components: int = 1536,
    rotate: bool = False,
    kernel: Mapping[str, Any] | None = None,
    frozen_features: Mapping[str, Any] | None = None,
    relation: RelevanceKind = "jaccard",
    **settings: Any,
) -> Head:
    """Create a head; it still needs `Head.fit`.

    Args:
        kind: Name of a trained head in `HEADS`.
        groups: The backbone's groups of feature columns, ``pooled`` first; or the number of columns, as one group.
        embedding_size: Width of the learned vector; in an ensemble, of each network's vector.
        components: Number of `Projection` coordinates that a head of `PROJECTED` gets as input; at most what the
            features allow.
        rotate: Whether to rotate these coordinates, so that each holds a share of all axes (`Projection`).
        kernel: ``weight``, ``size``, ``ridge``, ``mean`` and ``confidence`` of a `KernelHead` that is added to such a
            head; None or weight 0 for none.
        frozen_features: ``balance``, ``components`` and ``power`` of the frozen features that are added; None for none.
            Balance 0 also means none, unless a ``confidence`` leaves a share to them.
        relation: Kind of relevance that the closed-form parts learn.
        settings: Arguments of the heads' constructors, such as ``hidden_size`` and ``dropout`` (by default 0.4). A head
            ignores those of others.

    Raises:
        InputError: The kind or norm is unknown, a size or share is out of range, or a kernel is added to a head
            that is not in `PROJECTED`.
        TypeError: No head takes one of ``settings``.
    """
    if isinstance(groups, int):
        groups = {"pooled": (0, groups)}
    sizes = {"embedding_size": embedding_size, "hidden_size": settings.get("hidden_size", 1), "components": components}
    for key, value in sizes.items():
        if value < 1:
            raise InputError(f"model.{key}={value}: must be 1 or more")
    if kind not in TRAINED:
        raise InputError(f"model.head={kind}: unknown; choose one of {', '.join(TRAINED)}")
    if unknown := set(settings) - {name for other in TRAINED for name in parameters_of(other)}:
        raise TypeError(f"build_head: no head takes {', '.join(sorted(unknown))}")
    feature_dim = max(stop for _, stop in groups.values())
    with_kernel = kernel is not None and kernel["weight"] > 0
    confidence = kernel.get("confidence", 0.0) if kernel is not None and with_kernel else 0.0
    own = {name: value for name, value in {"dropout": 0.4, **settings}.items() if name in parameters_of(kind)}
    projection = None
    if kind in PROJECTED:
        projection = _project(groups, [name for name in groups if name != "pooled"], components, rotate=rotate)
    elif with_kernel:
        raise InputError(f"model.kernel.weight={kernel['weight']}: needs model.head={' or '.join(PROJECTED)}")  # type: ignore[index]
    if "relation" in inspect.signature(HEADS[kind].load()).parameters:
        own["relation"] = relation
    learned = HEADS[kind].load()(projection.components if projection else feature_dim, embedding_size, **own)
    keeps_lengths = max(confidence, learned.confidence) > 0
    with_frozen = frozen_features is not None and (frozen_features["balance"] > 0 or keeps_lengths)
    if projection is None and not with_frozen:
        return learned
    combined: dict[str, Any] = {"projection": projection}
    if with_kernel:
        assert kernel is not None
        assert projection is not None
        combined["kernel"] = KernelHead(
            projection.components, kernel["size"], kernel["ridge"], relation, kernel.get("mean", 0.0)
        )
        combined["kernel_weight"], combined["confidence"] = kernel["weight"], confidence
    if with_frozen:
        assert frozen_features is not None
        combined["frozen_features"] = _project(
            groups,
            [name for name in groups if name.rpartition("/")[2] in FROZEN_GROUPS],
            frozen_features["components"],
            frozen_features["power"],
        )
        combined["balance"] = frozen_features["balance"]
    return CombinedHead(feature_dim, learned, **combined)


def parameters_of(kind: str) -> list[str]:
    """Return the names of the settings that a head's constructor takes, after the two widths; ``relation`` is none.

    Examples:
        >>> parameters_of("mlp")
        ['hidden_size', 'dropout', 'norm']
    """
    return [name for name in list(inspect.signature(HEADS[kind].load()).parameters)[2:] if name != "relation"]


def _project(
    groups: Groups, names: Sequence[str], components: int, power: float = 0.0, *, rotate: bool = False
) -> Projection:
    """Create a projection of the named groups, or of the pooled features if none is named."""
    chosen = {name: groups[name] for name in names} or {"pooled": groups["pooled"]}
    width = sum(stop - start for start, stop in chosen.values())
    return Projection(chosen, min(components, width - 1), power, rotate)
