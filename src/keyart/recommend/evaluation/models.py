"""Models that rank films for users: popularity, film vectors, EASE, and a blend of EASE with film vectors."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from keyart.recommend.evaluation.events import Events, Ints
from keyart.recommend.user_profile import ProfileSpace

Scores = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ContentModel:
    """Content model over one or more kinds of film vectors, with a ridge-regression profile on each.

    Attributes:
        parts: For each kind, the (F, E) film vectors and their space.
        weights: Weight of each kind, after scaling its films to mean square length 1.
    """

    parts: tuple[tuple[npt.NDArray[np.float32], ProfileSpace], ...]
    weights: tuple[float, ...] = (1.0,)

    @classmethod
    def of(cls, vectors: npt.NDArray[np.float32], ridge: float) -> "ContentModel":
        """Create a model of one kind of vectors, with the space of all films."""
        return cls(((vectors, ProfileSpace.fit(vectors, ridge)),))

    def beside(self, other: "ContentModel", weight: float) -> "ContentModel":
        """Concatenate two models: self ⊕ weight · other."""
        return ContentModel(self.parts + other.parts, self.weights + tuple(weight * one for one in other.weights))

    def scores(self, known: Events, users: Ints) -> Scores:
        """Return (J, F) scores of every film for some users, from the films that they watched."""
        profiles = known.profiles()[users]
        total = np.zeros((len(users), known.films), dtype=np.float32)
        for (vectors, space), weight in zip(self.parts, self.weights, strict=True):
            offset = vectors - space.mean
            total += np.float32(weight / space.scale**2) * ((profiles @ offset) @ space.precision @ offset.T)
        return total


def popularity(known: Events, users: Ints) -> Scores:
    """Return (J, F) numbers of users who liked each film, the same for every user."""
    counts = np.bincount(known.film[known.liked], minlength=known.films).astype(np.float32)
    return np.broadcast_to(counts, (len(users), known.films))


def ease(known: Events, users: Ints, ridge: float, liked_only: bool) -> Scores:
    """Return (J, F) scores X B of EASE (Steck 2019, arXiv 1905.03375), in closed form.

    X is the binary matrix of users and films. B = I − P · diag(1 / diag P), with P = (Xᵀ X + λ I)⁻¹, is the ridge
    regression of every film on all others: its diagonal is 0. If there are fewer users than films, the users' smaller
    matrix is inverted instead, by Woodbury's identity: X P = M X and P = (I − Xᵀ M X) / λ, with M = (X Xᵀ + λ I)⁻¹.

    Args:
        known: The events.
        users: J of their users.
        ridge: λ.
        liked_only: Whether X marks films that a user liked; otherwise it marks films that a user watched.
    """
    events = known.select(known.liked) if liked_only else known
    sparse = events.matrix(np.ones(len(events)))
    columns = np.flatnonzero(np.asarray(sparse.sum(axis=0)).ravel() > 0)
    x = sparse[:, columns].toarray().astype(np.float64)
    if len(x) < len(columns):
        mixed = np.linalg.solve(x @ x.T + ridge * np.eye(len(x)), x)
        diagonal = (1 - (x * mixed).sum(0)) / ridge
        through = mixed[users]
    else:
        inverse = np.linalg.inv(x.T @ x + ridge * np.eye(len(columns)))
        diagonal = np.diag(inverse)
        through = x[users] @ inverse
    # EASE knows nothing about a film that nobody watched: it ranks last.
    scores = np.full((len(users), known.films), -np.inf, dtype=np.float32)
    scores[:, columns] = x[users] - through / diagonal
    return scores


def blend(interaction: Scores, content_model: Scores, weight: float) -> Scores:
    """Return (J, F) interaction + weight · looks, each standardised over a user's films.

    A film that the interaction model does not know (−∞) has the lowest score that the model assigns for that user. So
    weight 0 keeps the order of the interaction model, and content can raise films that nobody has watched.
    """
    known = np.isfinite(interaction)
    least = np.where(known, interaction, np.inf).min(axis=1, keepdims=True)
    filled = np.where(known, interaction, np.where(np.isfinite(least), least, 0.0))
    return _standard(filled) + np.float32(weight) * _standard(content_model)


def _standard(scores: Scores) -> Scores:
    centred = scores - scores.mean(axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(centred.std(axis=1, keepdims=True), 1e-12), dtype=np.float32)
