"""Files to batches: decoding, duplicates, sampling, augmentation."""

from typing import TYPE_CHECKING, Any

from keyart.images.augment import PRESETS, Augment
from keyart.images.cache import cache_folder
from keyart.images.decode import BadImage, decode_poster
from keyart.images.duplicates import near_duplicate_chains, near_duplicate_groups
from keyart.images.labels import one_label_rows
from keyart.images.loader import BatchLoader, EvaluationLoader
from keyart.images.pixels import PixelCache, Progress, open_pixels
from keyart.images.posters import Posters, load_posters
from keyart.images.samplers import (
    ClassBalancedSampler,
    MPerClassSampler,
    PKSampler,
    RandomSampler,
    Sampler,
    class_labels,
)
from keyart.paths import cache_root

if TYPE_CHECKING:
    from keyart.images.datamodule import PosterDataModule

__all__ = [
    "PRESETS",
    "Augment",
    "BadImage",
    "BatchLoader",
    "ClassBalancedSampler",
    "EvaluationLoader",
    "MPerClassSampler",
    "PKSampler",
    "PixelCache",
    "PosterDataModule",
    "Posters",
    "Progress",
    "RandomSampler",
    "Sampler",
    "cache_folder",
    "cache_root",
    "class_labels",
    "decode_poster",
    "load_posters",
    "near_duplicate_chains",
    "near_duplicate_groups",
    "one_label_rows",
    "open_pixels",
]


def __getattr__(name: str) -> Any:
    # Importing Lightning takes seconds that embedding and judging need not wait for.
    if name == "PosterDataModule":
        from keyart.images.datamodule import PosterDataModule

        return PosterDataModule
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
