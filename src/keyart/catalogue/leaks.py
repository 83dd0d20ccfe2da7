"""Data leakage of a random split: the expected number of test posters with a near-duplicate in the training split."""

from collections.abc import Sequence

import numpy as np


def expected_leakage(sizes: Sequence[int], posters: int, train: float, test: float) -> float:
    """Return the expected number of test posters with a member of their group in train, if posters are split at random.

    Of N posters, T = round(test · N) go to test and R = round(train · N) to train; all choices are equally likely. A
    poster of a group of size s is in test with probability T/N. Then none of the s − 1 others is in train with
    probability C(N−1−R, s−1) / C(N−1, s−1). The sum over all posters of groups is exact, not sampled.

    Args:
        sizes: Sizes of the groups of near-duplicates; a group of one poster leaks nothing.
        posters: N.
        train: Fraction of posters for training.
        test: Fraction of posters for the test.

    Examples:
        >>> round(expected_leakage([2], 4, 0.5, 0.5), 4)  # the pair is separated in 2 of 3 cases
        0.6667
    """
    in_test, in_train = round(test * posters), round(train * posters)
    total = 0.0
    for size in sizes:
        if size > 1:
            others, outside = posters - 1, posters - 1 - in_train
            none = float(np.prod([max(outside - i, 0) / (others - i) for i in range(size - 1)]))
            total += size * in_test / posters * (1 - none)
    return total
