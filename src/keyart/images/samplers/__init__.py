"""Which posters make up a batch: pure functions of (seed, epoch, batch), over all processes together."""

from keyart.images.samplers.base import Positions, Sampler
from keyart.images.samplers.class_balanced import ClassBalancedSampler
from keyart.images.samplers.classes import class_labels
from keyart.images.samplers.m_per_class import MPerClassSampler
from keyart.images.samplers.pk import PKSampler
from keyart.images.samplers.random import RandomSampler

__all__ = [
    "ClassBalancedSampler",
    "MPerClassSampler",
    "PKSampler",
    "Positions",
    "RandomSampler",
    "Sampler",
    "class_labels",
]
