"""Heads: from a backbone's features to an embedding."""

from keyart.embedding.heads.base import Head
from keyart.embedding.heads.build import build_head, head_from
from keyart.embedding.heads.combined import CombinedHead
from keyart.embedding.heads.ensemble import EnsembleHead
from keyart.embedding.heads.kernel import KernelHead, relevance_coordinates
from keyart.embedding.heads.linear import LinearHead
from keyart.embedding.heads.mlp import MLPHead
from keyart.embedding.heads.projection import Projection
from keyart.embedding.heads.reduced import ReducedHead
from keyart.embedding.heads.standardise import Standardise

__all__ = [
    "CombinedHead",
    "EnsembleHead",
    "Head",
    "KernelHead",
    "LinearHead",
    "MLPHead",
    "Projection",
    "ReducedHead",
    "Standardise",
    "build_head",
    "head_from",
    "relevance_coordinates",
]
