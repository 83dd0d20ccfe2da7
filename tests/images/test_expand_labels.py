"""One row per label: the rows, and the resulting batches."""

import numpy as np

from keyart.images.label_expansion import expand_labels
from keyart.images.loader import BatchLoader
from keyart.images.samplers.random import RandomSampler


def test_each_poster_stands_once_for_each_of_its_genres():
    genres = np.random.default_rng(0).random((9, 4)) < 0.4
    posters, labels = expand_labels(genres)
    assert sorted(zip(posters.tolist(), labels.tolist(), strict=True)) == [
        (i, g) for i in range(9) for g in range(4) if genres[i, g]
    ]


def test_batches_carry_the_label_of_each_row_on_every_process():
    genres = np.random.default_rng(1).random((30, 5)) < 0.5
    posters, labels = expand_labels(genres)
    hot = np.eye(5, dtype=bool)[labels]
    positions = np.arange(100, 130)
    seen = []
    for rank in (0, 1):
        sampler = RandomSampler(hot, batch_size=8, seed=3)
        for batch in BatchLoader(sampler, positions[posters], labels, rank=rank, world_size=2):
            seen += zip(batch["index"].tolist(), batch["label"].tolist(), strict=True)
    assert sorted(seen) == sorted(zip(positions[posters].tolist(), labels.tolist(), strict=True))
