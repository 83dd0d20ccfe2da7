"""Batches to vectors: backbones and their weights, heads, losses, and the module that trains them."""

from typing import TYPE_CHECKING, Any

from keyart.embedding.backbones import Backbone
from keyart.embedding.create import check_backbone, create_backbone
from keyart.embedding.embedder import (
    Embedder,
    condensed_features,
    embed,
    feature_pieces,
    load_embedder,
    load_frozen,
)
from keyart.embedding.features import cached_features
from keyart.embedding.fits import fit_head
from keyart.embedding.gather import gather_rows
from keyart.embedding.heads import (
    CombinedHead,
    EnsembleHead,
    Head,
    KernelHead,
    LinearHead,
    MLPHead,
    Projection,
    ReducedHead,
    build_head,
    head_from,
)
from keyart.embedding.losses import (
    AngularLoss,
    AngularNPairLoss,
    ArcFaceLoss,
    AsymmetricLoss,
    BCELoss,
    CircleLoss,
    ContrastiveLoss,
    CosFaceLoss,
    DistillationLoss,
    GainSupConLoss,
    ListwiseLoss,
    Margin,
    MarginLoss,
    MarginSchedule,
    MetricLoss,
    MultiSimilarityLoss,
    NPairLoss,
    NTXentLoss,
    ProxyAnchorLoss,
    ProxyNCALoss,
    RankedListLoss,
    RegressionLoss,
    Relations,
    SmoothAPLoss,
    SumLoss,
    SupConLoss,
    TripletLoss,
    relate,
)
from keyart.embedding.precision import autocast_for, resolve_precision
from keyart.embedding.schedule import PhaseSchedule, warmup_cosine

if TYPE_CHECKING:
    from keyart.embedding.module import EmbeddingModule

__all__ = [
    "AngularLoss",
    "AngularNPairLoss",
    "ArcFaceLoss",
    "AsymmetricLoss",
    "BCELoss",
    "Backbone",
    "CircleLoss",
    "CombinedHead",
    "ContrastiveLoss",
    "CosFaceLoss",
    "DistillationLoss",
    "Embedder",
    "EmbeddingModule",
    "EnsembleHead",
    "GainSupConLoss",
    "Head",
    "KernelHead",
    "LinearHead",
    "ListwiseLoss",
    "MLPHead",
    "Margin",
    "MarginLoss",
    "MarginSchedule",
    "MetricLoss",
    "MultiSimilarityLoss",
    "NPairLoss",
    "NTXentLoss",
    "PhaseSchedule",
    "Projection",
    "ProxyAnchorLoss",
    "ProxyNCALoss",
    "RankedListLoss",
    "ReducedHead",
    "RegressionLoss",
    "Relations",
    "SmoothAPLoss",
    "SumLoss",
    "SupConLoss",
    "TripletLoss",
    "autocast_for",
    "build_head",
    "cached_features",
    "check_backbone",
    "condensed_features",
    "create_backbone",
    "embed",
    "feature_pieces",
    "fit_head",
    "gather_rows",
    "head_from",
    "load_embedder",
    "load_frozen",
    "relate",
    "resolve_precision",
    "warmup_cosine",
]


def __getattr__(name: str) -> Any:
    # Importing Lightning takes seconds that embedding need not wait for.
    if name == "EmbeddingModule":
        from keyart.embedding.module import EmbeddingModule

        return EmbeddingModule
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
