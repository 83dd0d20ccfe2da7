"""Metric losses for posters with several genres, one file each."""

from keyart.embedding.losses.angular import AngularLoss
from keyart.embedding.losses.angular_n_pair import AngularNPairLoss
from keyart.embedding.losses.arcface import ArcFaceLoss
from keyart.embedding.losses.asymmetric import AsymmetricLoss
from keyart.embedding.losses.base import Margin, MarginSchedule, MetricLoss, Relations, relate
from keyart.embedding.losses.bce import BCELoss
from keyart.embedding.losses.circle import CircleLoss
from keyart.embedding.losses.contrastive import ContrastiveLoss
from keyart.embedding.losses.cosface import CosFaceLoss
from keyart.embedding.losses.distillation import DistillationLoss
from keyart.embedding.losses.gain_supcon import GainSupConLoss
from keyart.embedding.losses.listwise import ListwiseLoss
from keyart.embedding.losses.margin import MarginLoss
from keyart.embedding.losses.multi_similarity import MultiSimilarityLoss
from keyart.embedding.losses.n_pair import NPairLoss
from keyart.embedding.losses.ntxent import NTXentLoss
from keyart.embedding.losses.pml import PMLLoss, from_pml
from keyart.embedding.losses.proxy_anchor import ProxyAnchorLoss
from keyart.embedding.losses.proxy_nca import ProxyNCALoss
from keyart.embedding.losses.ranked_list import RankedListLoss
from keyart.embedding.losses.reduce import masked_mean
from keyart.embedding.losses.regression import RegressionLoss
from keyart.embedding.losses.smooth_ap import SmoothAPLoss
from keyart.embedding.losses.sum import SumLoss
from keyart.embedding.losses.supcon import SupConLoss
from keyart.embedding.losses.triplet import TripletLoss

__all__ = [
    "AngularLoss",
    "AngularNPairLoss",
    "ArcFaceLoss",
    "AsymmetricLoss",
    "BCELoss",
    "CircleLoss",
    "ContrastiveLoss",
    "CosFaceLoss",
    "DistillationLoss",
    "GainSupConLoss",
    "ListwiseLoss",
    "Margin",
    "MarginLoss",
    "MarginSchedule",
    "MetricLoss",
    "MultiSimilarityLoss",
    "NPairLoss",
    "NTXentLoss",
    "PMLLoss",
    "ProxyAnchorLoss",
    "ProxyNCALoss",
    "RankedListLoss",
    "RegressionLoss",
    "Relations",
    "SmoothAPLoss",
    "SumLoss",
    "SupConLoss",
    "TripletLoss",
    "from_pml",
    "masked_mean",
    "relate",
]
