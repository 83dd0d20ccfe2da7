"""Files to batches: decoding, duplicates, sampling, augmentation."""

from typing import TYPE_CHECKING, Any

from onesheet.images.augment import PRESETS, Augment
from onesheet.images.cache import cache_folder
from onesheet.images.decode import BadImage, decode_poster
from onesheet.images.duplicates import near_duplicate_groups
from onesheet.images.labels import one_label_rows
from onesheet.images.loader import BatchLoader, EvaluationLoader
from onesheet.images.pixels import PixelCache, Progress, open_pixels
from onesheet.images.posters import Posters, load_posters
from onesheet.images.samplers import (
    ClassBalancedSampler,
    MPerClassSampler,
    PKSampler,
    RandomSampler,
    Sampler,
    class_labels,
)
from onesheet.paths import cache_root

if TYPE_CHECKING:
    from onesheet.images.datamodule import PosterDataModule

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
    "near_duplicate_groups",
    "one_label_rows",
    "open_pixels",
]


def __getattr__(name: str) -> Any:
    # Importing Lightning takes seconds that embedding and judging need not wait for.
    if name == "PosterDataModule":
        from onesheet.images.datamodule import PosterDataModule

        return PosterDataModule
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
