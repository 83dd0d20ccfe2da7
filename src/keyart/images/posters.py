"""Loading of a catalogue's posters: every image is checked and decoded, and near-duplicates are grouped."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from keyart.catalogue.catalogue import Catalogue
from keyart.catalogue.problems import Problem, RowCounts, describe_problems, summarise
from keyart.errors import InputError
from keyart.images.decode import BadImage
from keyart.images.duplicates import near_duplicate_groups
from keyart.images.pixel_cache import PixelCache, Progress, open_pixels


@dataclass(frozen=True, eq=False)
class Posters:
    """Usable posters of a catalogue, N in total; position ``i`` is the same poster in all attributes.

    Attributes:
        catalogue: Their N rows.
        pixels: Their pixels.
        groups: (N,) int64 ids of near-duplicate groups: the smallest position in the group.
        skipped: Problems of the rows that were left out, and of values that were dropped.
        account: Counts of the table's usable and faulty rows.
    """

    catalogue: Catalogue
    pixels: PixelCache
    groups: np.ndarray
    skipped: list[Problem]
    account: RowCounts

    def __len__(self) -> int:
        return len(self.catalogue)

    @property
    def summary(self) -> str:
        """One-line summary: the number of usable posters and the problems of the other rows."""
        text = f"{self.catalogue.source}: {self.account}"
        return " ".join(f"{text}: {describe_problems(self.skipped, 3)}".split()) if self.skipped else text


def load_posters(
    catalogue: Catalogue,
    problems: Sequence[Problem] = (),
    *,
    image_size: tuple[int, int] = (256, 176),
    on_bad_poster: Literal["error", "skip"] = "error",
    cache_dir: Path | str | None = None,
    progress: Progress | None = None,
) -> Posters:
    """Check and decode all posters of a catalogue, or open them from the cache.

    Args:
        catalogue: The posters.
        problems: Problems that were found when the table was read.
        image_size: Target (height, width) of every poster in pixels; see `decode_poster`.
        on_bad_poster: ``"error"`` to stop at any problem, ``"skip"`` to continue without those posters.
        cache_dir: A cache root other than the default one.
        progress: Called with (done, total) while posters are decoded.

    Returns:
        The usable posters, in the catalogue's order.

    Raises:
        InputError: There are problems and ``on_bad_poster`` is ``"error"`` (one message names those of the table and of
            the images); no poster is left; ``image_size`` is out of range; the cache cannot be written.
    """
    if on_bad_poster not in ("error", "skip"):
        raise InputError(f"data.on_bad_poster={on_bad_poster}: use error or skip")
    pixels, good, bad = open_pixels(catalogue.paths, image_size, cache_dir=cache_dir, progress=progress)
    found = sorted([*problems, *_as_problems(catalogue, bad)], key=lambda problem: (problem.row, problem.kind))
    if found and (on_bad_poster == "error" or not len(good)):
        raise InputError(summarise(found, catalogue.source))
    if not len(good):
        raise InputError(f"{catalogue.source}: no posters; give a table with at least one")
    kept = catalogue.select(good) if bad else catalogue
    rows = catalogue.account.rows if catalogue.account is not None else len(catalogue) + _left_out(problems)
    account = RowCounts.of(rows, len(kept), found)
    return Posters(kept, pixels, near_duplicate_groups(pixels), found, account)


def _left_out(problems: Sequence[Problem]) -> int:
    return len({problem.row for problem in problems if not problem.row_is_usable})


def _as_problems(catalogue: Catalogue, bad: dict[int, BadImage]) -> list[Problem]:
    lines = catalogue.rows if catalogue.rows is not None else np.arange(2, len(catalogue) + 2)
    return [
        Problem(int(lines[i]), str(catalogue.ids[i]), str(catalogue.files[i]), why.kind, why.detail, why.fix)
        for i, why in sorted(bad.items())
    ]
