"""Creation of heads from configuration values, or from the description of a saved head."""

from collections.abc import Mapping
from typing import Any

from keyart.catalogue.relevance import RelevanceKind
from keyart.errors import InputError
from keyart.models.heads.base import Head
from keyart.models.heads.combined import CombinedHead
from keyart.models.heads.ensemble import EnsembleHead
from keyart.models.heads.kernel import KernelHead
from keyart.models.heads.linear import LinearHead
from keyart.models.heads.mlp import MLPHead
from keyart.models.heads.projection import Projection, projection_from
from keyart.models.heads.reduced import ReducedHead
from keyart.models.multiscale import Groups

KINDS = ("linear", "mlp", "ensemble")
#: Groups of a feature bank that the frozen-features branch keeps: moments of all depths.
SEEN_OF_BANK = ("head", "high", "mid", "low")


def build_head(
    kind: str,
    groups: Groups | int,
    embedding_size: int,
    *,
    hidden_size: int = 512,
    dropout: float = 0.4,
    norm: str = "none",
    feature_dropout: float = 0.2,
    heads: int = 4,
    output: str = "linear",
    components: int = 1536,
    rotate: bool = False,
    kernel: Mapping[str, Any] | None = None,
    seen: Mapping[str, Any] | None = None,
    relation: RelevanceKind = "jaccard",
) -> Head:
    """Create a head; it still needs `Head.fit`.

    Args:
        kind: ``linear``, ``mlp`` or ``ensemble``.
        groups: The backbone's groups of feature columns, ``pooled`` first; or the number of columns, as one group.
        embedding_size: Width of the learned vector; in an ensemble, of each network's vector.
        hidden_size: Units of a hidden layer.
        dropout: Dropout of hidden units, or of a linear head's features.
        norm: Normalisation of an MLP's hidden layer: ``none``, ``batch`` or ``layer``.
        feature_dropout: Dropout of an ensemble's features.
        heads: Number of networks in an ensemble.
        output: Output of an ensemble: ``linear`` or ``relu``.
        components: Number of `Projection` coordinates that an ensemble gets as input; at most what the features allow.
        rotate: Whether to rotate these coordinates, so that each holds a share of all axes (`Projection`).
        kernel: ``weight``, ``size``, ``ridge``, ``mean`` and ``confidence`` of a `KernelHead` that is added to an
            ensemble; None or weight 0 for none.
        seen: ``balance``, ``components`` and ``power`` of the frozen features that are added; None for none. Balance 0
            also means none, unless a kernel's ``confidence`` leaves a share to them.
        relation: Kind of relevance that the kernel learns.

    Raises:
        InputError: The kind or norm is unknown, a size or share is out of range, or a kernel is used without an
            ensemble.
    """
    if isinstance(groups, int):
        groups = {"pooled": (0, groups)}
    for key, value in (("embedding_size", embedding_size), ("hidden_size", hidden_size), ("components", components)):
        if value < 1:
            raise InputError(f"model.{key}={value}: must be 1 or more")
    if kind not in KINDS:
        raise InputError(f"model.head={kind}: unknown; choose one of {', '.join(KINDS)}")
    feature_dim = max(stop for _, stop in groups.values())
    with_kernel = kernel is not None and kernel["weight"] > 0
    confidence = kernel.get("confidence", 0.0) if kernel is not None and with_kernel else 0.0
    with_seen = seen is not None and (seen["balance"] > 0 or confidence > 0)
    if kind == "ensemble":
        projection = _project(groups, [name for name in groups if name != "pooled"], components, rotate=rotate)
        learned: Head = EnsembleHead(
            projection.components,
            embedding_size,
            heads,
            hidden_size,
            dropout,
            feature_dropout,
            output,  # type: ignore[arg-type]
        )
    else:
        if with_kernel:
            raise InputError(f"model.kernel.weight={kernel['weight']}: needs model.head=ensemble")  # type: ignore[index]
        if kind == "linear":
            learned = LinearHead(feature_dim, embedding_size, dropout)
        else:
            learned = MLPHead(feature_dim, embedding_size, hidden_size, dropout, norm)  # type: ignore[arg-type]
        if not with_seen:
            return learned
        projection = None
    combined: dict[str, Any] = {"projection": projection}
    if with_kernel:
        assert kernel is not None
        assert projection is not None
        combined["kernel"] = KernelHead(
            projection.components, kernel["size"], kernel["ridge"], relation, kernel.get("mean", 0.0)
        )
        combined["kernel_weight"], combined["confidence"] = kernel["weight"], confidence
    if with_seen:
        assert seen is not None
        combined["seen"] = _project(groups, SEEN_OF_BANK, seen["components"], seen["power"])
        combined["balance"] = seen["balance"]
    return CombinedHead(feature_dim, learned, **combined)


def _project(groups: Groups, names: Any, components: int, power: float = 0.0, *, rotate: bool = False) -> Projection:
    """Create a projection of the named groups, or of the pooled features if none of these groups exists."""
    chosen = {name: groups[name] for name in names if name in groups} or {"pooled": groups["pooled"]}
    width = sum(stop - start for start, stop in chosen.values())
    return Projection(chosen, min(components, width - 1), power, rotate)


def head_from(description: Mapping[str, Any]) -> Head:
    """Rebuild a head from the result of its `Head.describe`.

    Raises:
        InputError: This version does not know the kind of head.
    """
    told = dict(description)
    kind = told.pop("kind", None)
    plain: dict[str, type[Head]] = {head.kind: head for head in (LinearHead, MLPHead, EnsembleHead, KernelHead)}
    if kind in plain:
        return plain[str(kind)](**told)
    if kind == CombinedHead.kind:
        for name in ("projection", "seen"):
            told[name] = projection_from(told[name]) if told[name] else None
        kernel = head_from(told["kernel"]) if told["kernel"] else None
        assert kernel is None or isinstance(kernel, KernelHead)
        learned, told["kernel"] = head_from(told.pop("learned")), kernel
        return CombinedHead(told.pop("feature_dim"), learned, **told)
    if kind == ReducedHead.kind:
        return ReducedHead(head_from(told["head"]), told["embedding_size"])
    raise InputError(f"embedder: unknown kind of head {kind!r}; it was saved by another version of keyart")
