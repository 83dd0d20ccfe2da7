"""Image quality checks: blank, grey, tiny and landscape posters, and duplicates."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from keyart.catalogue.problems import Problem
from keyart.images.decode import MOST_BYTES, BadImage, oriented_size, quiet_pillow
from keyart.images.pixel_cache import PixelCache
from keyart.images.posters import Posters
from keyart.utils.reading import read_bytes

Positions = npt.NDArray[np.int64]

BLANK_DEVIATION = 4.0
"""Maximum standard deviation of a blank image's grey levels; compression alone causes about 2."""

GREY_CHROMA = 16.0
"""Maximum difference between a grey image's channels, in levels, ignoring 1% of its pixels; sepia differs more."""

TINY_SIDE = 150
"""Minimum length of the shorter side in pixels; smaller images are upscaled for any usual input size."""

_STRIDE = 4
_BATCH = 256


@dataclass(frozen=True, eq=False)
class Audit:
    """Quality problems of N posters; all positions are in ascending order.

    Attributes:
        exact: Groups of two or more posters with byte-identical files.
        near: Groups of two or more near-duplicates (see `near_duplicate_groups`), including exact duplicates.
        blank: Posters of one flat colour.
        grey: Posters without colour.
        tiny: Posters with a side shorter than `TINY_SIDE` pixels.
        landscape: Posters that are wider than high.
        sizes: (N, 2) width and height of the image files in pixels; 0 if a file can no longer be read.
    """

    exact: list[Positions]
    near: list[Positions]
    blank: Positions
    grey: Positions
    tiny: Positions
    landscape: Positions
    sizes: npt.NDArray[np.int64]


def audit_posters(posters: Posters) -> Audit:
    """Find quality problems and duplicates among posters.

    Grey levels and colours are measured on every fourth row and column of the pixel cache; sizes come from the file
    headers.
    """
    deviation, chroma = _look(posters.pixels)
    sizes = native_sizes(posters.catalogue.paths)
    known = sizes.min(1) > 0
    blank = deviation <= BLANK_DEVIATION
    return Audit(
        exact=groups_of(posters.pixels.contents),
        near=groups_of(posters.groups),
        blank=np.flatnonzero(blank),
        grey=np.flatnonzero((chroma <= GREY_CHROMA) & ~blank),
        tiny=np.flatnonzero(known & (sizes.min(1) < TINY_SIDE)),
        landscape=np.flatnonzero(sizes[:, 0] > sizes[:, 1]),
        sizes=sizes,
    )


def groups_of(labels: npt.NDArray[np.int64]) -> list[Positions]:
    """Return the positions of each label that occurs more than once, in the order of their first occurrence.

    Examples:
        >>> [group.tolist() for group in groups_of(np.array([7, 3, 7, 1, 3]))]
        [[0, 2], [1, 4]]
    """
    order = np.argsort(labels, kind="stable")
    cuts = np.flatnonzero(np.diff(labels[order])) + 1
    groups = [np.sort(group) for group in np.split(order, cuts) if len(group) > 1]
    return sorted(groups, key=lambda group: int(group[0]))


def native_sizes(paths: list[Path]) -> npt.NDArray[np.int64]:
    """Return (N, 2) width and height of image files after EXIF rotation; 0 if a file cannot be read."""

    def size(path: Path) -> tuple[int, int]:
        try:
            return oriented_size(read_bytes(path, MOST_BYTES))
        except (OSError, BadImage):
            return (0, 0)

    with quiet_pillow(), ThreadPoolExecutor(4) as pool:
        return np.array(list(pool.map(size, paths, chunksize=64)), dtype=np.int64).reshape(-1, 2)


def describe_faults(posters: Posters, audit: Audit) -> tuple[list[Problem], list[Problem]]:
    """Convert an audit to problems and remarks of table rows.

    Returns:
        Problems that make a row useless (blank images, and exact duplicates of an earlier poster), and remarks
        (near-duplicates, landscape, tiny and grey images); each sorted by row.
    """
    catalogue = posters.catalogue
    lines = catalogue.rows if catalogue.rows is not None else np.arange(2, len(catalogue) + 2)

    def fault(at: int, kind: str, detail: str, fix: str) -> Problem:
        return Problem(int(lines[at]), str(catalogue.ids[at]), str(catalogue.files[at]), kind, detail, fix)

    def repeated(groups: list[Positions], kind: str, relation: str, fix: str) -> list[Problem]:
        return [
            fault(int(at), kind, f"{relation} {catalogue.ids[group[0]]} (row {lines[group[0]]})", fix)
            for group in groups
            for at in group[1:]
        ]

    def measured(at: int) -> str:
        return f"{audit.sizes[at, 0]}×{audit.sizes[at, 1]} pixels"

    problems = [fault(int(at), "blank image", "one flat colour", "replace the file") for at in audit.blank]
    problems += repeated(
        audit.exact, "exact duplicate", "the same file as", "keep one of them, or give this one its own image"
    )
    copies = {int(at) for group in audit.exact for at in group[1:]}
    near = [group for group in audit.near if not set(group[1:].tolist()) <= copies]
    remarks = repeated(
        near, "near-duplicate", "the same picture as", "remove one, or keep both: splits keep them together"
    )
    remarks = [remark for remark in remarks if remark.id not in {catalogue.ids[at] for at in copies}]
    remarks += [
        fault(int(at), "landscape image", measured(at), "use a portrait image; its edges are cropped")
        for at in audit.landscape
    ]
    remarks += [
        fault(int(at), "tiny image", measured(at), "use a larger image; this one is enlarged") for at in audit.tiny
    ]
    remarks += [fault(int(at), "grey image", "no colour", "keep it if the poster really is grey") for at in audit.grey]

    def order(problem: Problem) -> tuple[int, str]:
        return problem.row, problem.kind

    return sorted(problems, key=order), sorted(remarks, key=order)


def _look(pixels: PixelCache) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return (N,) standard deviations of grey levels, and (N,) channel differences, ignoring 1% of the pixels."""
    deviation, chroma = np.empty(len(pixels)), np.empty(len(pixels))
    for start in range(0, len(pixels), _BATCH):
        stop = min(start + _BATCH, len(pixels))
        some = np.stack([pixels[i][::_STRIDE, ::_STRIDE] for i in range(start, stop)])
        deviation[start:stop] = some.mean(3).reshape(len(some), -1).std(1)
        spread = some.max(3) - some.min(3)
        chroma[start:stop] = np.quantile(spread.reshape(len(some), -1), 0.99, axis=1)
    return deviation, chroma
