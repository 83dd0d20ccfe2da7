"""Which posters make up a batch: pure functions of (seed, epoch, batch), over all processes together."""

from onesheet.images.samplers.base import Positions, Sampler
from onesheet.images.samplers.class_balanced import ClassBalancedSampler
from onesheet.images.samplers.classes import class_labels
from onesheet.images.samplers.m_per_class import MPerClassSampler
from onesheet.images.samplers.pk import PKSampler
from onesheet.images.samplers.random import RandomSampler

__all__ = [
    "ClassBalancedSampler",
    "MPerClassSampler",
    "PKSampler",
    "Positions",
    "RandomSampler",
    "Sampler",
    "class_labels",
]
