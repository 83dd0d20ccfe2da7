from keyart.images.any_image import AnyImage as AnyImage, to_pixels as to_pixels
from keyart.images.augment import PRESETS as PRESETS, Augment as Augment
from keyart.images.datamodule import PosterDataModule as PosterDataModule
from keyart.images.decode import BadImage as BadImage, decode_poster as decode_poster
from keyart.images.duplicates import (
    near_duplicate_components as near_duplicate_components,
    near_duplicate_groups as near_duplicate_groups,
)
from keyart.images.label_expansion import expand_labels as expand_labels
from keyart.images.loader import BatchLoader as BatchLoader, EvaluationLoader as EvaluationLoader
from keyart.images.pixel_cache import PixelCache as PixelCache, Progress as Progress, open_pixels as open_pixels
from keyart.images.posters import Posters as Posters, load_posters as load_posters
from keyart.images.samplers.base import Positions as Positions, Sampler as Sampler
from keyart.images.samplers.class_balanced import ClassBalancedSampler as ClassBalancedSampler
from keyart.images.samplers.classes import class_labels as class_labels
from keyart.images.samplers.m_per_class import MPerClassSampler as MPerClassSampler
from keyart.images.samplers.pk import PKSampler as PKSampler
from keyart.images.samplers.random import RandomSampler as RandomSampler
