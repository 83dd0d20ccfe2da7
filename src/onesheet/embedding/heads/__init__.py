"""Heads: from a backbone's features to an embedding."""

from onesheet.embedding.heads.base import Head
from onesheet.embedding.heads.build import build_head, head_from
from onesheet.embedding.heads.combined import CombinedHead
from onesheet.embedding.heads.ensemble import EnsembleHead
from onesheet.embedding.heads.kernel import KernelHead, relevance_coordinates
from onesheet.embedding.heads.linear import LinearHead
from onesheet.embedding.heads.mlp import MLPHead
from onesheet.embedding.heads.projection import Projection
from onesheet.embedding.heads.standardise import Standardise

__all__ = [
    "CombinedHead",
    "EnsembleHead",
    "Head",
    "KernelHead",
    "LinearHead",
    "MLPHead",
    "Projection",
    "Standardise",
    "build_head",
    "head_from",
    "relevance_coordinates",
]
