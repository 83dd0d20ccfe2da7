"""Ranking metrics of held-out films, with their chance levels: recall, nDCG, hit rate, coverage, novelty."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from keyart.recommend.evaluation.events import Task

Floats = npt.NDArray[np.float64]
CUTS = (10, 50, 100)
NAMES = tuple(f"{name}@{k}" for k in CUTS for name in ("recall", "ndcg", "hit_rate", "novelty"))
TILE = 1024


@dataclass(frozen=True, eq=False)
class RankingResult:
    """Metrics of one model on one task.

    Attributes:
        values: (U, M) per user, columns as in `NAMES`; NaN for users that are not evaluated.
        shown: For each cut-off, (F,) how many evaluated users are shown each film; for chance, the probability that any
            user is shown it.
    """

    values: Floats
    shown: dict[int, Floats]

    def coverage(self, gallery: npt.NDArray[np.bool_]) -> dict[int, float]:
        """Return for each cut-off the share of the gallery's films that are shown to at least one user."""
        return {k: float(np.minimum(shown[gallery], 1).mean()) for k, shown in self.shown.items()}


def discounted(count: int) -> Floats:
    """Return (count,) discounts 1 / log₂(rank + 1), for ranks from 1 (Järvelin and Kekäläinen 2002)."""
    return 1 / np.log2(np.arange(2, count + 2))


def information(task: Task) -> Floats:
    """Return (F,) self-information: −log₂ of the share of users who watched a film, with add-one smoothing.

    A film that nobody has watched has the highest value (Zhou et al. 2010; Vargas and Castells 2011).
    """
    counts = np.bincount(task.known.film, minlength=task.known.films)
    people = len(np.unique(task.known.user))
    return np.asarray(-np.log2((counts + 1) / (people + 1)))


def evaluate(task: Task, scores: npt.NDArray[np.floating], seed: int = 0) -> RankingResult:
    """Evaluate scores: rank each user's unwatched films of the gallery; films with equal scores are in random order.

    recall@k is the share of the held-out liked films among the first k. nDCG@k has gain 1 for each; its ideal ranking
    has all of them first. The hit rate is 1 if there is any. novelty@k is the mean `information` of the first k.

    Args:
        task: Known and held-out events.
        scores: (J, F) of the evaluated users, in the order of ``task.users()``.
        seed: Seed of the random order of ties.
    """
    users, films = task.users(), np.flatnonzero(task.gallery)
    values = np.full((len(task.known.users), len(NAMES)), np.nan)
    shown = {k: np.zeros(task.known.films) for k in CUTS}
    news, most = information(task), max(CUTS)
    seen = task.known.matrix(np.ones(len(task.known)))
    rng = np.random.default_rng(seed)
    for start in range(0, len(users), TILE):
        some = users[start : start + TILE]
        here = np.array(scores[start : start + TILE][:, films], dtype=np.float64)
        here[seen[some][:, films].toarray() > 0] = -np.inf
        # Shuffle each user's films: the stable sort then leaves ties in random order.
        mixed = rng.permuted(np.broadcast_to(np.arange(len(films)), here.shape), axis=1)
        place = np.argsort(-np.take_along_axis(here, mixed, axis=1), axis=1, kind="stable")[:, :most]
        order = np.take_along_axis(mixed, place, axis=1)
        found = np.isfinite(np.take_along_axis(here, order, axis=1))
        relevant = task.targets[some][:, films].toarray()
        hits = np.take_along_axis(relevant, order, axis=1) & found
        values[some] = _values(hits, relevant.sum(axis=1), np.where(found, news[films[order]], np.nan))
        for k in CUTS:
            np.add.at(shown[k], films[order[:, :k]][found[:, :k]], 1.0)
    return RankingResult(values, shown)


def _values(hits: npt.NDArray[np.bool_], relevant: npt.NDArray[np.int64], news: Floats) -> Floats:
    weight = discounted(hits.shape[1])
    ideal = np.concatenate([[0], np.cumsum(discounted(max(CUTS)))])
    columns = []
    for k in CUTS:
        first = hits[:, :k]
        gain = (first * weight[: first.shape[1]]).sum(1) / ideal[np.minimum(relevant, k)]
        columns += [first.sum(1) / relevant, gain, first.any(1), np.nanmean(news[:, :k], axis=1)]
    return np.stack(columns, axis=1).astype(np.float64)


def chance(task: Task) -> RankingResult:
    """Return the expectation of `evaluate` under random rankings, in closed form.

    With R targets among N films: recall k/N, DCG R/N · Σ discounts, hit rate 1 − C(N−R, k) / C(N, k).
    """
    users, films = task.users(), np.flatnonzero(task.gallery)
    values = np.full((len(task.known.users), len(NAMES)), np.nan)
    news = information(task)[films]
    free = task.known.matrix(np.ones(len(task.known)))[users][:, films].toarray() == 0
    size = free.sum(1)
    relevant = (task.targets[users][:, films].toarray() & free).sum(1)
    weight, columns, shown = discounted(max(CUTS)), [], {}
    total = np.concatenate([[0], np.cumsum(weight)])
    for k in CUTS:
        depth = np.minimum(k, size)
        gain = relevant / size * total[depth] / total[np.minimum(relevant, k)]
        columns += [depth / size, gain, 1 - _none_found(size, relevant, depth), (free * news).sum(1) / size]
        shown[k] = np.zeros(task.known.films)
        # Probability that at least one user is shown a film.
        with np.errstate(divide="ignore"):
            missed = np.log1p(-np.minimum(depth / size, 1.0))
        shown[k][films] = 1 - np.exp(np.where(free, missed[:, None], 0.0).sum(0))
    values[users] = np.stack(columns, axis=1)
    return RankingResult(values, shown)


def _none_found(size: npt.NDArray[np.int64], relevant: npt.NDArray[np.int64], k: npt.NDArray[np.int64]) -> Floats:
    """Return C(N−R, k) / C(N, k): the probability that none of R targets is among k of N films."""
    rest = size - relevant
    with np.errstate(invalid="ignore"):
        log = gammaln(rest + 1) - gammaln(rest - k + 1) - gammaln(size + 1) + gammaln(size - k + 1)
    return np.where(rest >= k, np.exp(log), 0.0)
