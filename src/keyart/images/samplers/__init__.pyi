from keyart.images.samplers.base import Positions as Positions, Sampler as Sampler
from keyart.images.samplers.class_balanced import ClassBalancedSampler as ClassBalancedSampler
from keyart.images.samplers.classes import class_labels as class_labels
from keyart.images.samplers.m_per_class import MPerClassSampler as MPerClassSampler
from keyart.images.samplers.pk import PKSampler as PKSampler
from keyart.images.samplers.random import RandomSampler as RandomSampler
