"""Detection of suspicious genre labels by an out-of-fold classifier (confident learning).

The method is Confident Learning (Northcutt, Jiang and Chuang 2021, arXiv 1911.00068), extended to several labels per
poster: out-of-fold probabilities of each genre are compared with the poster's labels. The look of a poster predicts
its genres poorly, so most suspects are unusual posters with correct labels. Therefore the detection is evaluated on the
same catalogue: the genre sets of some posters are replaced by those of others, and the share of these posters among the
top suspects is counted.
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
"""Ridge penalty per poster: of 1, 3, 10 and 30 the one that predicts film genres best, out of fold."""

PLANTED = 0.05
_STEPS = 60
_LEAST = 1e-6


@dataclass(frozen=True, eq=False)
class LabelIssues:
    """How well the labelled genres fit the look of each poster.

    Attributes:
        probabilities: (N, G) out-of-fold probabilities.
        scores: (N,) scores by `label_score`; the higher, the more suspicious.
        order: (N,) positions, most suspicious first.
    """

    probabilities: Floats
    scores: Floats
    order: npt.NDArray[np.int64]


class SuspectFinder:
    """Finder of suspicious genre sets, by out-of-fold predictions from features.

    For each fold, ridge regression of the multi-hot genres on the standardised features of the other folds predicts the
    genres. A logistic curve per genre (Platt scaling, 1999), fitted over all folds, turns the scores into
    probabilities. A poster's own label influences only the two parameters of each genre's curve.

    Args:
        features: (N, F) features of a frozen backbone.
        groups: (N,) ids of near-duplicate chains; a chain is never divided between folds.
        seed: Seed of the folds.
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

    def find(self, genres: np.ndarray) -> LabelIssues:
        """Rank posters by how badly their (N, G) multi-hot genres fit their look."""
        probabilities = self.probabilities(genres)
        scores = label_score(probabilities, genres)
        return LabelIssues(probabilities, scores, np.argsort(-scores, kind="stable"))

    def probabilities(self, genres: np.ndarray) -> Floats:
        """Return the (N, G) out-of-fold probabilities of genres."""
        y = torch.from_numpy(genres.astype(np.float32))
        scores = torch.zeros_like(y)
        for fold, factor in enumerate(self._factors):
            inside = self.fold != fold
            if inside.any() and not inside.all():
                mean = y[inside].mean(0)
                weight = torch.cholesky_solve(self.x[inside].T @ (y[inside] - mean), factor)
                scores[~inside] = self.x[~inside] @ weight + mean
        return _to_probabilities(scores.double(), y.double()).numpy()

    def injected_errors(self, genres: np.ndarray, share: float = PLANTED) -> dict[str, float]:
        """Give some posters the genre set of others, and measure how well the ranking finds them.

        Args:
            genres: (N, G) multi-hot.
            share: Share of posters that get the genres of a poster with which they have no genre in common.

        Returns:
            ``planted``, the number of changed posters; ``precision``, their share among equally many top suspects;
            ``chance``, the expected precision of a random choice; ``auc``, the probability that a changed poster ranks
            as more suspicious than another one. Real label errors among the other posters lower both ``precision`` and
            ``auc``.
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


def label_score(probabilities: Floats, genres: np.ndarray) -> Floats:
    """Return for each poster how much less likely its labels are given its look than by genre frequency, in nats.

    The (N,) scores are Σ_g log P(y_g) − log p(y_g | look). P(y_g) is the genre's frequency over all posters. Without
    this term every poster of a rare genre would be suspicious.

    Args:
        probabilities: (N, G) out-of-fold probabilities.
        genres: (N, G) multi-hot.

    Examples:
        >>> p = np.array([[0.5], [0.1]])
        >>> label_score(p, np.array([[True], [False]])).round(3).tolist()  # as likely as for any; more likely
        [0.0, -0.588]
    """
    share = np.clip(genres.mean(0), _LEAST, 1 - _LEAST)
    own = np.where(genres, probabilities, 1 - probabilities)
    return (np.log(np.where(genres, share, 1 - share)) - np.log(np.clip(own, _LEAST, None))).sum(1)


def _to_probabilities(scores: Tensor, y: Tensor) -> Tensor:
    """Fit a logistic curve per column by least cross-entropy; return (N, G) probabilities in [1e-6, 1 − 1e-6]."""
    scores = (scores - scores.mean(0)) / scores.std(0).clamp_min(1e-12)
    slope = torch.zeros(scores.shape[1], dtype=torch.float64, requires_grad=True)
    height = torch.logit(y.mean(0).clamp(1e-4, 1 - 1e-4)).requires_grad_()
    search = torch.optim.LBFGS([slope, height], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        search.zero_grad()
        value = F.binary_cross_entropy_with_logits(scores * slope + height, y, reduction="none").mean(0).sum()
        # A small ridge penalty keeps the slope finite if a genre is predicted without any error.
        value = value + 1e-4 * slope.square().sum()
        value.backward()
        return value

    search.step(loss)
    with torch.no_grad():
        return (scores * slope + height).sigmoid().clamp(_LEAST, 1 - _LEAST)
