from keyart.models.backbone import Backbone as Backbone, TimmBackbone as TimmBackbone
from keyart.models.backbone_factory import check_backbone as check_backbone, create_backbone as create_backbone
from keyart.models.embedder import (
    Embedder as Embedder,
    embed as embed,
    feature_pieces as feature_pieces,
    load_embedder as load_embedder,
    load_frozen as load_frozen,
    transformed_features as transformed_features,
)
from keyart.models.export.image_preprocessing import describe_preprocessing as describe_preprocessing
from keyart.models.feature_cache import cached_features as cached_features
from keyart.models.head_cache import fit_head as fit_head
from keyart.models.heads.base import Head as Head
from keyart.models.heads.build import build_head as build_head
from keyart.models.heads.combined import CombinedHead as CombinedHead
from keyart.models.heads.ensemble import EnsembleHead as EnsembleHead
from keyart.models.heads.kernel import KernelHead as KernelHead, relevance_coordinates as relevance_coordinates
from keyart.models.heads.linear import LinearHead as LinearHead
from keyart.models.heads.metric_maps import MetricMapsHead as MetricMapsHead
from keyart.models.heads.mlp import MLPHead as MLPHead
from keyart.models.heads.projection import Projection as Projection
from keyart.models.heads.reduced import ReducedHead as ReducedHead
from keyart.models.heads.registry import build_head_from_description as build_head_from_description
from keyart.models.heads.standardise import Standardise as Standardise
from keyart.models.joined_backbone import JoinedBackbone as JoinedBackbone
from keyart.models.precision import autocast_for as autocast_for, resolve_precision as resolve_precision
