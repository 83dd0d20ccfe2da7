"""Train, val and test splits without leakage and with balanced genres.

Posters of one film, and near-duplicates, are grouped into units that always stay in one split. Iterative
stratification then assigns the units to splits.
"""

import logging
from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

from keyart.catalogue.catalogue import Catalogue
from keyart.catalogue.stratify import connected_groups, stratify
from keyart.errors import InputError

SPLITS = ("train", "val", "test")

_log = logging.getLogger(__name__)


def make_splits(
    catalogue: Catalogue,
    *,
    val: float = 0.1,
    test: float = 0.2,
    seed: int = 0,
    groups: npt.ArrayLike | None = None,
) -> npt.NDArray[np.object_]:
    """Assign each poster to ``train``, ``val`` or ``test``.

    The result depends only on the set of posters, ``seed`` and the fractions, not on the order of rows. If the table
    has a column ``split``, its values are used. If that column contains no ``val``, the same procedure takes ``val``
    from its ``train`` (``val`` is still a fraction of all posters).

    Args:
        catalogue: N posters.
        val: Fraction of posters for validation, in (0, 1).
        test: Fraction of posters for the test, in (0, 1); ``val + test`` is below 1.
        seed: Decides between equally good assignments (``data.split_seed``).
        groups: (N,) ids of chains of near-duplicates (`keyart.images.duplicates.near_duplicate_components`): posters
            with equal ids stay in one split. ``None``: no near-duplicates are known.

    Returns:
        (N,) strings.

    Raises:
        InputError: A fraction is out of range, a split would be empty, or the column ``split`` separates posters of one
            film.
        ValueError: ``groups`` does not have length N.
    """
    group_ids = None if groups is None else np.asarray(groups)
    if group_ids is not None and group_ids.shape != (len(catalogue),):
        raise ValueError(f"groups has shape {group_ids.shape}, not ({len(catalogue)},)")
    _check_fractions(val, test)
    if catalogue.split is not None:
        return _from_column(catalogue, catalogue.split, val, seed, group_ids)
    split = _deal(catalogue, {"train": 1.0 - val - test, "val": val, "test": test}, seed, group_ids)
    for name, asked, change in (
        ("train", f"data.split.val + data.split.test={val + test:g}", "lower"),
        ("val", f"data.split.val={val:g}", "raise"),
        ("test", f"data.split.test={test:g}", "raise"),
    ):
        if not np.any(split == name):
            raise InputError(
                f"{asked}: leaves no poster for {name}, of {len(catalogue)} in {catalogue.source} (films and "
                f"near-duplicates stay whole); {change} it, or give more posters"
            )
    return split


def _deal(
    catalogue: Catalogue, shares: dict[str, float], seed: int, groups: npt.NDArray | None
) -> npt.NDArray[np.object_]:
    """Split a whole catalogue, processed in the order of ids so that the order of rows has no influence."""
    by_id = np.argsort(catalogue.ids.astype(str), kind="stable")
    relations = [catalogue.films[by_id]] + ([] if groups is None else [groups[by_id]])
    unit_of = connected_groups(*relations)
    count = int(unit_of.max(initial=-1)) + 1
    label_counts = np.zeros((count, len(catalogue.genre_names)), dtype=np.int64)
    np.add.at(label_counts, unit_of, catalogue.genres[by_id])
    folds = stratify(label_counts, np.bincount(unit_of, minlength=count), list(shares.values()), seed)
    split = np.empty(len(catalogue), dtype=object)
    split[by_id] = np.array(list(shares), dtype=object)[folds[unit_of]]
    return split


def _from_column(
    catalogue: Catalogue, column: npt.NDArray[np.object_], val: float, seed: int, groups: npt.NDArray | None
) -> npt.NDArray[np.object_]:
    _check_films_whole(catalogue, column)
    split = column.copy()
    missing = [name for name in SPLITS if not np.any(split == name)]
    if missing == ["val"]:
        train = np.flatnonzero(split == "train")
        within = None if groups is None else groups[train]
        split[train] = _carve(catalogue.select(train), val, len(catalogue), seed, within)
    elif missing:
        names = " and ".join(missing)
        raise InputError(
            f"{catalogue.source}: column `split` gives no poster to {names}; mark some posters {names}, or rename the "
            "column to have splits created"
        )
    parted = [] if groups is None else _parted(groups, split)
    if groups is not None and parted:
        _log.warning(
            "%s: column `split` separates %d groups of near-duplicates, such as %s: test posters then"
            " repeat training posters",
            catalogue.source,
            len(parted),
            ", ".join(catalogue.ids[groups == parted[0]][:3]),
        )
    return split


def _carve(train: Catalogue, val: float, total: int, seed: int, groups: npt.NDArray | None) -> npt.NDArray[np.object_]:
    """Split the posters that a column ``split`` names train into train and val; ``val`` is a fraction of ``total``."""
    share = val * total / len(train)
    split = _deal(train, {"train": 1 - share, "val": share}, seed, groups) if share < 1 else train.ids[:0]
    if len(set(split)) < 2:
        raise InputError(
            f"data.split.val={val:g}: leaves no poster for train or for val, of the {len(train)} that column `split` "
            f"of {train.source} calls train; change it, or mark val in the column"
        )
    return split


def _check_films_whole(catalogue: Catalogue, column: npt.NDArray[np.object_]) -> None:
    parted = _parted(catalogue.films, column)
    if parted:
        found = " and ".join(sorted(set(column[catalogue.films == parted[0]])))
        more = f" (and separates {len(parted) - 1} more)" if len(parted) > 1 else ""
        raise InputError(
            f"{catalogue.source}: column `split` puts film {parted[0]!r} into {found}{more}; give all of a film "
            "one split, or rename the column to have splits created"
        )


def _parted(keys: npt.NDArray, split: npt.NDArray[np.object_]) -> list[Any]:
    """Return the keys whose rows are in more than one split, in order."""
    pairs = set(zip(keys.tolist(), split.tolist(), strict=True))
    return sorted(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)


def _check_fractions(val: float, test: float) -> None:
    for key, value in (("data.split.val", val), ("data.split.test", test)):
        if not 0 < value < 1:
            raise InputError(f"{key}={value:g}: a split's share must be between 0 and 1 (exclusive), such as 0.1")
    if val + test >= 1:
        raise InputError(
            f"data.split.val={val:g} and data.split.test={test:g}: leave nothing for train; their sum must stay below 1"
        )
