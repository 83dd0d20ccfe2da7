"""Grouping of rows into indivisible units, and iterative stratification of the units into folds."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def connected_groups(*relations: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Number the connected components of rows that share a value in any relation.

    Args:
        relations: Arrays of length N; rows with equal values in any of them belong to one component, transitively.

    Returns:
        (N,) int64: each row's component, numbered 0, 1, … in order of first appearance.

    Examples:
        >>> connected_groups(["a", "a", "b", "c"], [1, 2, 2, 3]).tolist()
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
    """Assign units to folds so that each fold gets its fraction of the rows and of every label.

    The first step is iterative stratification (Sechidis, Tsoumakas, Vlahavas: "On the stratification of multi-label
    data", ECML PKDD 2011, algorithm 1), where a unit counts with all its rows. The label with the fewest unassigned
    rows is next. Each unit with this label (the largest first, ties in random order) goes to the fold with the largest
    deficit of this label; ties go to the fold with the largest deficit of rows, further ties to a random fold. This
    balances the labels well and the folds' sizes less well. The second step therefore moves units between folds as long
    as this lowers Σ (actual − target)² / target over labels and rows. Thousands of rare labels outweigh the rows in
    this sum, so the third step moves units, those that cost the labels least first, until each fold's size is within
    one row (or 0.1% of all rows, if that is more) of its target, as far as the units' sizes allow.

    Args:
        label_counts: (U, L) number of rows of each unit with each label.
        sizes: (U,) rows of each unit.
        fractions: The F folds' fractions, each above 0; they sum to 1.
        seed: Seed of the random order and choices.

    Returns:
        (U,) int64 fold of each unit.
    """
    rng = np.random.default_rng(seed)
    chance = rng.random((len(sizes), len(fractions) + 1))
    order = np.lexsort((chance[:, -1], -sizes)).tolist()
    # The number of rows is one more label, which every unit has.
    counts = np.column_stack([label_counts, sizes])
    units, labels = np.nonzero(counts)
    held: list[list[tuple[int, int]]] = [[] for _ in order]
    for unit, label, count in zip(units.tolist(), labels.tolist(), counts[units, labels].tolist(), strict=True):
        held[unit].append((label, count))
    totals = counts.sum(axis=0).tolist()
    deficits = [[fraction * total for fraction in fractions] for total in totals]
    fold_of = _deal(order, held, totals, deficits, chance[:, :-1].tolist())
    weight = [[1 / max(fraction * total, 1.0) for fraction in fractions] for total in totals]
    _refine(order, held, deficits, weight, fold_of)
    _balance_rows(order, held, deficits, weight, fold_of)
    return np.array(fold_of, dtype=np.int64)


def _deal(
    order: list[int],
    held: list[list[tuple[int, int]]],
    totals: list[int],
    deficits: list[list[float]],
    luck: list[list[float]],
) -> list[int]:
    """Run iterative stratification; ``deficits`` (labels, then rows, by folds) are reduced in place."""
    rows = len(totals) - 1
    left = totals[:rows]
    holders: list[list[int]] = [[] for _ in totals]
    for unit in order:
        for label, _ in held[unit]:
            holders[label].append(unit)
    fold_of = [-1] * len(order)
    while True:
        rarest = min((label for label in range(rows) if left[label]), key=left.__getitem__, default=rows)
        for unit in holders[rarest]:
            if fold_of[unit] < 0:
                keys = zip(deficits[rarest], deficits[rows], luck[unit], range(len(luck[unit])), strict=True)
                fold = max(keys)[-1]
                fold_of[unit] = fold
                for label, count in held[unit]:
                    deficits[label][fold] -= count
                    if label < rows:
                        left[label] -= count
        if rarest == rows:
            return fold_of


def _refine(
    order: list[int],
    held: list[list[tuple[int, int]]],
    deficits: list[list[float]],
    weight: list[list[float]],
    fold_of: list[int],
    sweeps: int = 8,
) -> None:
    """Move units one by one to the fold that lowers Σ weight · deficit² most, for at most ``sweeps`` passes."""
    for _ in range(sweeps):
        moved = False
        for unit in order:
            old = fold_of[unit]
            give = sum(((deficits[k][old] + c) ** 2 - deficits[k][old] ** 2) * weight[k][old] for k, c in held[unit])
            best, new = -1e-9, old
            for fold in range(len(weight[0])):
                if fold != old:
                    take = sum(
                        ((deficits[k][fold] - c) ** 2 - deficits[k][fold] ** 2) * weight[k][fold] for k, c in held[unit]
                    )
                    if give + take < best:
                        best, new = give + take, fold
            if new != old:
                moved = True
                _move(unit, new, held, deficits, fold_of)
        if not moved:
            return


def _move(
    unit: int, new: int, held: list[list[tuple[int, int]]], deficits: list[list[float]], fold_of: list[int]
) -> None:
    """Move a unit to another fold, and keep the deficits up to date."""
    old, fold_of[unit] = fold_of[unit], new
    for k, c in held[unit]:
        deficits[k][old] += c
        deficits[k][new] -= c


def _balance_rows(
    order: list[int],
    held: list[list[tuple[int, int]]],
    deficits: list[list[float]],
    weight: list[list[float]],
    fold_of: list[int],
) -> None:
    """Move units from the fold with the most surplus rows to the one with the largest deficit, cheapest first."""
    of_rows = deficits[-1]
    tolerance = max(1.0, 0.001 * sum(held[unit][-1][1] for unit in order))
    while max(map(abs, of_rows)) > tolerance:
        old = min(range(len(of_rows)), key=of_rows.__getitem__)
        new = max(range(len(of_rows)), key=of_rows.__getitem__)

        def cost(unit: int, old: int = old, new: int = new) -> float:
            """Return the change of the labels' sum per row moved."""
            labels = sum(
                c * (2 * deficits[k][old] + c) * weight[k][old] - c * (2 * deficits[k][new] - c) * weight[k][new]
                for k, c in held[unit][:-1]
            )
            return labels / held[unit][-1][1]

        moved = False
        for unit in sorted((unit for unit in order if fold_of[unit] == old), key=cost):
            size = held[unit][-1][1]
            if size < of_rows[new] - of_rows[old] and min(of_rows[new], -of_rows[old]) >= 0.5:
                moved = True
                _move(unit, new, held, deficits, fold_of)
        if not moved:
            return
