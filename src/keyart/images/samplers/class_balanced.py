"""Sampler that draws posters of rare genres more often."""

import numpy as np
import numpy.typing as npt

from keyart.images.samplers.base import Batches, Positions


class ClassBalancedSampler(Batches):
    """Sampler that draws posters by the tempered inverse frequency of their genres.

    A poster's weight is the mean over its genres g of (N / n_g) ** tempering, where n_g posters have g. Every batch
    draws its posters independently of other batches and without repeats, by the largest values of log(u) / weight over
    uniform numbers u (weighted sampling without replacement; Efraimidis & Spirakis 2006). So with small batches,
    posters occur in proportion to their weights. A batch that contains most of the posters has nearly the distribution
    of the split.

    Use it with a classifier (``loss=bce``) if some genres are rare.

    Args:
        genres: (N, G) bool, multi-hot, of the train split; a poster without genres has weight 1.
        batch_size: Maximum posters in a batch, over all processes; the batches of an epoch differ by at most one in
            size.
        tempering: 0: all posters are equally likely; 1: all genres are equally likely, if each poster has one genre.
        seed: With epoch and batch, it determines the batch.

    Raises:
        InputError: There are no posters, or ``batch_size`` is below 1.

    Examples:
        >>> genres = np.repeat(np.eye(2, dtype=bool), [9, 1], axis=0)
        >>> ClassBalancedSampler(genres, batch_size=4, tempering=1.0).probabilities.round(3)[[0, 9]].tolist()
        [0.056, 0.5]
    """

    def __init__(
        self, genres: npt.NDArray[np.bool_], *, batch_size: int, tempering: float = 0.5, seed: int = 0
    ) -> None:
        super().__init__(len(genres), batch_size, seed)
        has = np.asarray(genres, dtype=bool)
        rarity = (len(has) / np.maximum(has.sum(0), 1)) ** tempering
        kinds = has.sum(1)
        weights = np.where(kinds > 0, (has @ rarity) / np.maximum(kinds, 1), 1.0)
        #: (N,) probability that each poster is the first of a batch.
        self.probabilities: npt.NDArray[np.float64] = weights / weights.sum()

    def batch(self, epoch: int, index: int) -> Positions:
        """Return the posters of batch ``index`` of ``epoch``: int64 positions without repeats."""
        start, stop = self.span(index)
        keys = self.random(epoch, index).standard_exponential(self.num_posters) / self.probabilities
        first = np.argpartition(keys, stop - start - 1)[: stop - start]
        return first[np.argsort(keys[first], kind="stable")]
