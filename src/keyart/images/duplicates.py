"""Near-duplicate detection across all films, by the difference and correlation of thumbnails."""

from collections.abc import Iterator

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor
from torch.nn import functional as F

from keyart.images.pixel_cache import PixelCache
from keyart.utils.cache import load_array, save_array

_VERSION = 2  # increase it if the same pixels may give other groups
_THUMBNAIL = (24, 16)  # (height, width): separates different images, tolerates recompression and small crops
_COARSE = (6, 4)
_SAME = 2.0
_TILE = 2048


def near_duplicate_groups(
    pixels: PixelCache, *, max_difference: float = 20.0, min_correlation: float = 0.8, max_group: int = 32
) -> np.ndarray:
    """Group near-duplicate posters; groups do not chain.

    Each poster is reduced to a thumbnail of 24×16 cells. Two posters are near-duplicates if their thumbnails differ by
    at most ``max_difference`` grey levels (root mean square over cells and channels) *and* correlate by at least
    ``min_correlation`` after each channel's mean is subtracted: dark posters differ little from each other, but do not
    correlate. (Two posters that differ by at most 2 levels are the same image, also flat ones.) The posters are
    processed in order. Each poster without a group starts a new group and adds all later near-duplicates of *itself*,
    so groups do not chain. A group that would be larger than ``max_group`` keeps the nearest ones, and any number of
    same images. Near-duplicates can therefore be in different groups: splits keep `near_duplicate_components` together
    instead.

    Candidates are found by comparing all pairs at 6×4 cells. Averaging never increases a root mean square difference,
    so no pair is missed. The time is quadratic in the number of posters (0.1 s for 6,000), the memory linear.

    The result is cached beside the pixels, keyed by their digest.

    Args:
        pixels: N posters.
        max_difference: Maximum difference, in grey levels of 0 to 255.
        min_correlation: Minimum correlation.
        max_group: Size from which a group adds only same images.

    Returns:
        (N,) int64 group ids: the smallest position in the group. A poster without near-duplicates has its own position.
    """
    return _groups_and_components(pixels, max_difference, min_correlation, max_group)[0]


def near_duplicate_components(
    pixels: PixelCache, *, max_difference: float = 20.0, min_correlation: float = 0.8
) -> np.ndarray:
    """Return the connected components of near-duplicate posters, which splits must keep together.

    Two posters are connected if they are near-duplicates as defined in `near_duplicate_groups`, or if both are
    connected to a third poster. The ends of a chain may differ greatly, so a search uses `near_duplicate_groups` for
    the same image.

    Returns:
        (N,) int64 chain ids: the smallest position in the chain.
    """
    return _groups_and_components(pixels, max_difference, min_correlation, 32)[1]


def _groups_and_components(
    pixels: PixelCache, max_difference: float, min_correlation: float, max_group: int
) -> np.ndarray:
    """Return (2, N) int64: the groups and the chains, cached in one file because both come from the same pairs."""
    rule = f"v{_VERSION}-{max_difference:g}-{min_correlation:g}-{max_group}"
    path = pixels.folder / f"groups-{pixels.digest}-{rule}.npy"
    if (known := load_array(path, np.int64, (2, len(pixels)))) is not None:
        return known
    pairs = _pairs(thumbnails(pixels), max_difference, min_correlation)
    both = np.stack([_join(len(pixels), pairs, max_group), _link(len(pixels), pairs)])
    save_array(path, both)
    return both


def thumbnails(pixels: PixelCache, batch_size: int = 256) -> Tensor:
    """Return all posters as thumbnails, (N, 3, 24, 16) float32 in [0, 255]."""
    shrunk = torch.empty((len(pixels), 3, *_THUMBNAIL))
    for start in range(0, len(pixels), batch_size):
        stop = min(start + batch_size, len(pixels))
        shrunk[start:stop] = shrink(pixels.take(np.arange(start, stop)))
    return shrunk


def shrink(pixels: Tensor) -> Tensor:
    """Return thumbnails (B, 3, 24, 16) in [0, 255] of posters (B, height, width, 3) uint8."""
    return F.interpolate(pixels.permute(0, 3, 1, 2), _THUMBNAIL, mode="bilinear", antialias=True)


def group_thumbnails(thumbs: Tensor, max_difference: float, min_correlation: float, max_group: int) -> np.ndarray:
    """Return the groups of `near_duplicate_groups`, from (N, 3, height, width) thumbnails."""
    return _join(len(thumbs), _pairs(thumbs, max_difference, min_correlation), max_group)


def component_thumbnails(thumbs: Tensor, max_difference: float, min_correlation: float) -> np.ndarray:
    """Return the chains of `near_duplicate_components`, from (N, 3, height, width) thumbnails."""
    return _link(len(thumbs), _pairs(thumbs, max_difference, min_correlation))


def _pairs(thumbs: Tensor, max_difference: float, min_correlation: float) -> np.ndarray:
    """Return (3, P) float64 near-duplicate pairs: the earlier position, the later position, and their difference."""
    if not len(thumbs):
        return np.empty((3, 0))
    flat = thumbs.flatten(1)
    centred = (thumbs - thumbs.mean((2, 3), keepdim=True)).flatten(1)
    norms = centred.norm(dim=1)
    pairs = [torch.empty((3, 0), dtype=torch.float64)]
    for first, second in _candidates(thumbs, max_difference):
        difference = (flat[first] - flat[second]).square().mean(1).sqrt()
        correlation = (centred[first] * centred[second]).sum(1) / (norms[first] * norms[second]).clamp_min(1e-6)
        alike = (difference <= _SAME) | ((difference <= max_difference) & (correlation >= min_correlation))
        pairs.append(torch.stack([first[alike].double(), second[alike].double(), difference[alike].double()]))
    return torch.cat(pairs, 1).numpy()


def _candidates(thumbs: Tensor, max_difference: float) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield pairs (i < j) whose coarse thumbnails differ by at most ``max_difference`` (plus a margin for rounding)."""
    coarse = F.adaptive_avg_pool2d(thumbs - 127.5, _COARSE).flatten(1)
    squares = coarse.square().sum(1)
    limit = coarse.shape[1] * (max_difference + 0.1) ** 2
    for top in range(0, len(coarse), _TILE):
        rows, row_squares = coarse[top : top + _TILE], squares[top : top + _TILE, None]
        for left in range(top, len(coarse), _TILE):
            distances = torch.addmm(
                row_squares + squares[left : left + _TILE], rows, coarse[left : left + _TILE].T, alpha=-2
            )
            first, second = torch.nonzero(distances <= limit, as_tuple=True)
            first, second = first + top, second + left
            ordered = first < second
            # In chunks, so that many flat posters do not fill the memory when pairs are compared.
            yield from zip(first[ordered].split(65536), second[ordered].split(65536), strict=True)


def _join(count: int, pairs: np.ndarray, max_group: int) -> np.ndarray:
    """Assign the later poster of each (first, second, difference) to the first one's group, the nearest first."""
    groups = np.arange(count, dtype=np.int64)
    order = np.lexsort((pairs[1], pairs[2], pairs[0]))
    taken = np.zeros(count, dtype=bool)
    sizes = np.ones(count, dtype=np.int64)
    for first, second, difference in zip(
        pairs[0, order].astype(np.int64), pairs[1, order].astype(np.int64), pairs[2, order], strict=True
    ):
        if taken[first] or taken[second] or (sizes[first] >= max_group and difference > _SAME):
            continue
        groups[second] = first
        taken[second] = True
        sizes[first] += 1
    return groups


def _link(count: int, pairs: np.ndarray) -> np.ndarray:
    """Return, for each poster, the smallest position in its connected component."""
    links = coo_array((np.ones(pairs.shape[1], dtype=bool), pairs[:2].astype(np.int64)), shape=(count, count))
    _, first, chain = np.unique(connected_components(links)[1], return_index=True, return_inverse=True)
    return first[chain].astype(np.int64)
