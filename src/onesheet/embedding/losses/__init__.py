"""Metric losses for posters with several genres, one file each."""

from onesheet.embedding.losses.angular import AngularLoss
from onesheet.embedding.losses.base import Margin, MetricLoss, Relations, masked_mean, relate
from onesheet.embedding.losses.bce import BCELoss
from onesheet.embedding.losses.triplet import TripletLoss

__all__ = [
    "AngularLoss",
    "BCELoss",
    "Margin",
    "MetricLoss",
    "Relations",
    "TripletLoss",
    "masked_mean",
    "relate",
]
