"""Metric losses for posters with several genres, one file each."""

from onesheet.embedding.losses.angular import AngularLoss
from onesheet.embedding.losses.angular_n_pair import AngularNPairLoss
from onesheet.embedding.losses.arcface import ArcFaceLoss
from onesheet.embedding.losses.asymmetric import AsymmetricLoss
from onesheet.embedding.losses.base import Margin, MarginSchedule, MetricLoss, Relations, relate
from onesheet.embedding.losses.bce import BCELoss
from onesheet.embedding.losses.circle import CircleLoss
from onesheet.embedding.losses.contrastive import ContrastiveLoss
from onesheet.embedding.losses.cosface import CosFaceLoss
from onesheet.embedding.losses.distillation import DistillationLoss
from onesheet.embedding.losses.gain_supcon import GainSupConLoss
from onesheet.embedding.losses.listwise import ListwiseLoss
from onesheet.embedding.losses.margin import MarginLoss
from onesheet.embedding.losses.multi_similarity import MultiSimilarityLoss
from onesheet.embedding.losses.n_pair import NPairLoss
from onesheet.embedding.losses.ntxent import NTXentLoss
from onesheet.embedding.losses.proxy_anchor import ProxyAnchorLoss
from onesheet.embedding.losses.proxy_nca import ProxyNCALoss
from onesheet.embedding.losses.ranked_list import RankedListLoss
from onesheet.embedding.losses.reduce import masked_mean
from onesheet.embedding.losses.regression import RegressionLoss
from onesheet.embedding.losses.smooth_ap import SmoothAPLoss
from onesheet.embedding.losses.sum import SumLoss
from onesheet.embedding.losses.supcon import SupConLoss
from onesheet.embedding.losses.triplet import TripletLoss

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
    "ProxyAnchorLoss",
    "ProxyNCALoss",
    "RankedListLoss",
    "RegressionLoss",
    "Relations",
    "SmoothAPLoss",
    "SumLoss",
    "SupConLoss",
    "TripletLoss",
    "masked_mean",
    "relate",
]
