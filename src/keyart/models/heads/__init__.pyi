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
