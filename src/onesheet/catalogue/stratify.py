"""Binding rows into units that must not be parted, and dealing units out to folds with balanced labels."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def bind(*relations: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Number the smallest sets of rows that no relation parts.

    Args:
        relations: Arrays of length N; rows with equal values in any of them belong together, transitively.

    Returns:
        (N,) int64: each row's set, numbered 0, 1, … in order of first appearance.

    Examples:
        >>> bind(["a", "a", "b", "c"], [1, 2, 2, 3]).tolist()
        [0, 0, 0, 1]
    """
    parent = list(range(len(np.asarray(relations[0]))))

    def find(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for relation in relations:
        first: dict[object, int] = {}
        for row, value in enumerate(np.asarray(relation).tolist()):
            other = first.setdefault(value, row)
            if other != row:
                a, b = find(other), find(row)
                parent[max(a, b)] = min(a, b)
    numbers: dict[int, int] = {}
    return np.array([numbers.setdefault(find(row), len(numbers)) for row in range(len(parent))], dtype=np.int64)


def stratify(
    label_counts: npt.NDArray[np.integer], sizes: npt.NDArray[np.integer], fractions: Sequence[float], seed: int
) -> npt.NDArray[np.int64]:
    """Deal units out to folds so that each fold gets its share of rows and of every label.

    Iterative stratification (Sechidis, Tsoumakas, Vlahavas: "On the stratification of multi-label data", ECML PKDD
    2011, algorithm 1), where a unit counts with all its rows: the label with the fewest rows still to place goes first;
    each unit that has it (largest first, else at random) goes to the fold that still wants most of that label, among
    equals to the one that still wants most rows, among these to one at random.

    Args:
        label_counts: (U, L) how many rows of each unit have each label.
        sizes: (U,) rows of each unit.
        fractions: The F folds' shares; they sum to 1.
        seed: Of the random order and choices.

    Returns:
        (U,) int64 fold of each unit.
    """
    rng = np.random.default_rng(seed)
    chance = rng.random((len(sizes), len(fractions) + 1))
    order = np.lexsort((chance[:, -1], -sizes)).tolist()
    luck = chance[:, :-1].tolist()
    size = sizes.tolist()
    units, labels = np.nonzero(label_counts)
    held: list[list[tuple[int, int]]] = [[] for _ in size]
    for unit, label, count in zip(units.tolist(), labels.tolist(), label_counts[units, labels].tolist(), strict=True):
        held[unit].append((label, count))
    holders: list[list[int]] = [[] for _ in range(label_counts.shape[1])]
    for unit in order:
        for label, _ in held[unit]:
            holders[label].append(unit)

    total = int(sizes.sum())
    rows_wanted = [fraction * total for fraction in fractions]
    left = label_counts.sum(axis=0).tolist()
    wanted = [[fraction * count for fraction in fractions] for count in left]
    fold_of = [-1] * len(size)
    folds = range(len(fractions))

    def place(unit: int, desire: Sequence[float]) -> None:
        fold = max(folds, key=lambda f: (desire[f], rows_wanted[f], luck[unit][f]))
        fold_of[unit] = fold
        rows_wanted[fold] -= size[unit]
        for label, count in held[unit]:
            wanted[label][fold] -= count
            left[label] -= count

    while any(left):
        rarest = min((label for label, count in enumerate(left) if count), key=lambda label: (left[label], label))
        for unit in holders[rarest]:
            if fold_of[unit] < 0:
                place(unit, wanted[rarest])
    for unit in order:
        if fold_of[unit] < 0:
            place(unit, rows_wanted)
    return np.array(fold_of, dtype=np.int64)
