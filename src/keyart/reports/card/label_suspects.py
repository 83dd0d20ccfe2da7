"""Posters whose genres do not fit their look, by a classifier that has not seen them.

Confident learning (Northcutt, Jiang and Chuang 2021, arXiv 1911.00068) for several labels a poster: probabilities of
each genre out of fold, by which the labels given are judged. A look tells a genre poorly, so most suspects are unusual
posters and not wrong labels. How well suspects find wrong labels is therefore measured on the same catalogue: genre
sets are swapped for others on purpose, and it is counted how many of the most suspect posters are among these.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

Floats = npt.NDArray[np.float64]

FOLDS = 5
PENALTY = 10.0
"""Of ridge regression, a poster: of 1, 3, 10 and 30 the one that told genres of film posters best, out of fold."""

PLANTED = 0.05
_STEPS = 60
_LEAST = 1e-6


@dataclass(frozen=True, eq=False)
class Suspects:
    """How well the genres given fit what posters look like.

    Attributes:
        probabilities: (N, G) out of fold.
        scores: (N,) by `misfit`; the higher, the more suspect.
        order: (N,) positions, most suspect first.
    """

    probabilities: Floats
    scores: Floats
    order: npt.NDArray[np.int64]


class SuspectFinder:
    """Judges genre sets by features, out of fold.

    Each fold's genres are told by ridge regression of the multi-hot genres on the other folds' standardised features,
    and the scores become probabilities by a logistic curve a genre (Platt 1999), fitted over all folds: two numbers a
    genre are all that a poster's own label may reach.

    Args:
        features: (N, F) of a frozen backbone.
        groups: (N,) chains of near-duplicates: none is parted by the folds.
        seed: Of the folds.
    """

    def __init__(self, features: np.ndarray, groups: np.ndarray, *, seed: int = 0) -> None:
        names, group = np.unique(groups, return_inverse=True)
        self.fold = torch.from_numpy((np.random.default_rng(seed).permutation(len(names)) % FOLDS)[group])
        x = torch.from_numpy(np.array(features, dtype=np.float32))
        self.x = (x - x.mean(0)) / x.std(0).clamp_min(1e-6)
        self.seed = seed
        parts = [self.x[self.fold == fold] for fold in range(FOLDS)]
        grams = torch.stack([part.T @ part for part in parts])
        self._factors = []
        for fold in range(FOLDS):
            others = grams.sum(0) - grams[fold]
            others.diagonal().add_(PENALTY * max(len(self.x) - len(parts[fold]), 1))
            self._factors.append(torch.linalg.cholesky(others))

    def find(self, genres: np.ndarray) -> Suspects:
        """Rank posters by how badly their genres, (N, G) multi-hot, fit their look."""
        probabilities = self.probabilities(genres)
        scores = misfit(probabilities, genres)
        return Suspects(probabilities, scores, np.argsort(-scores, kind="stable"))

    def probabilities(self, genres: np.ndarray) -> Floats:
        """(N, G) probabilities of genres, out of fold."""
        y = torch.from_numpy(genres.astype(np.float32))
        scores = torch.zeros_like(y)
        for fold, factor in enumerate(self._factors):
            inside = self.fold != fold
            if inside.any() and not inside.all():
                mean = y[inside].mean(0)
                weight = torch.cholesky_solve(self.x[inside].T @ (y[inside] - mean), factor)
                scores[~inside] = self.x[~inside] @ weight + mean
        return _to_probabilities(scores.double(), y.double()).numpy()

    def planted_errors(self, genres: np.ndarray, share: float = PLANTED) -> dict[str, float]:
        """Give some posters the genre set of others, and count how many of the most suspect ones were given one.

        Args:
            genres: (N, G) multi-hot.
            share: Of posters that get another poster's genres, with none in common.

        Returns:
            ``planted``; ``precision``, the share of planted ones among as many most suspect posters; ``chance``, what
            picking posters at random would give; ``auc``, the probability that a planted one is more suspect than
            another. Real errors among the others count against both.
        """
        rng = np.random.default_rng(self.seed)
        wrong = genres.copy()
        swapped = np.zeros(len(genres), dtype=bool)
        for at in rng.permutation(len(genres)):
            if swapped.sum() >= share * len(genres):
                break
            strangers = np.flatnonzero(~(genres & genres[at]).any(1))
            if len(strangers):
                wrong[at] = genres[rng.choice(strangers)]
                swapped[at] = True
        count = int(swapped.sum())
        if not count or count == len(genres):
            return {"planted": count}
        found = self.find(wrong)
        ranks = np.empty(len(genres))
        ranks[found.order[::-1]] = np.arange(1, len(genres) + 1)
        area = (ranks[swapped].sum() - count * (count + 1) / 2) / (count * (len(genres) - count))
        return {
            "planted": count,
            "precision": float(swapped[found.order[:count]].mean()),
            "chance": count / len(genres),
            "auc": float(area),
        }


def misfit(probabilities: Floats, genres: np.ndarray) -> Floats:
    """(N,) nats by which the labels given are less likely than for any poster: Σ_g log P(y_g) − log p(y_g | look).

    P(y_g) is the genre's share of all posters. Without it every poster of a rare genre would be suspect.

    Args:
        probabilities: (N, G) out of fold.
        genres: (N, G) multi-hot.

    Examples:
        >>> p = np.array([[0.5], [0.1]])
        >>> misfit(p, np.array([[True], [False]])).round(3).tolist()  # as likely as for any; more likely
        [0.0, -0.588]
    """
    share = np.clip(genres.mean(0), _LEAST, 1 - _LEAST)
    own = np.where(genres, probabilities, 1 - probabilities)
    return (np.log(np.where(genres, share, 1 - share)) - np.log(np.clip(own, _LEAST, None))).sum(1)


def _to_probabilities(scores: Tensor, y: Tensor) -> Tensor:
    """Logistic curves from scores to labels, one a column, of least cross-entropy; (N, G) in [1e-6, 1 − 1e-6]."""
    scores = (scores - scores.mean(0)) / scores.std(0).clamp_min(1e-12)
    slope = torch.zeros(scores.shape[1], dtype=torch.float64, requires_grad=True)
    height = torch.logit(y.mean(0).clamp(1e-4, 1 - 1e-4)).requires_grad_()
    search = torch.optim.LBFGS([slope, height], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        search.zero_grad()
        value = F.binary_cross_entropy_with_logits(scores * slope + height, y, reduction="none").mean(0).sum()
        # A grain of ridge keeps the slope finite where a genre is told without any error.
        value = value + 1e-4 * slope.square().sum()
        value.backward()
        return value

    search.step(loss)
    with torch.no_grad():
        return (scores * slope + height).sigmoid().clamp(_LEAST, 1 - _LEAST)
