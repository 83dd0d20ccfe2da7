"""User profiles as directions in the embedding space, by ridge regression on the vectors of watched films."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
RIDGE = 0.02
SAMPLE = 20_000


@dataclass(frozen=True, eq=False)
class UserProfile:
    """User profile: a direction in a :class:`ProfileSpace`.

    Attributes:
        direction: (E,) a = P v, where v is the weighted sum of the watched films' offsets from the mean.
        length: √(vᵀ P v).
    """

    direction: Array
    length: float


@dataclass(frozen=True, eq=False)
class ProfileSpace:
    """Mean and regularised inverse covariance (precision) of a catalogue's vectors, for user profiles.

    A user's profile is a ridge regression (Hoerl and Kennard 1970) of the weights of films (0 for every film that was
    not watched) on the vectors of all films. With the catalogue's mean μ and covariance C, and weights wⱼ of the
    watched films xⱼ, its direction is a = (C + ridge · tr(C) · I)⁻¹ Σ wⱼ (xⱼ − μ), up to a factor. A film c has the
    score a · (c − μ). This is a sum over the watched films, so the contribution of each to a candidate is exact.
    Features that nearly all posters share say little about a user: the mean and the inverse covariance remove them.
    With a large ridge, the profile becomes the plain mean profile.

    Attributes:
        mean: (E,) μ.
        precision: (E, E) (C + ridge · tr(C) · I)⁻¹.
        scale: Root mean square length of the catalogue's vectors in this metric, which scales the scores.
    """

    mean: Array
    precision: Array
    scale: float

    @classmethod
    def fit(cls, vectors: npt.ArrayLike, ridge: float = RIDGE) -> "ProfileSpace":
        """Fit the space of a catalogue.

        Args:
            vectors: (N, E) of its posters, or of a sample of them.
            ridge: Positive, relative to the trace of the covariance.
        """
        rows = np.asarray(vectors, dtype=np.float32)
        mean = rows.mean(0)
        offset = rows - mean
        covariance = (offset.T @ offset).astype(np.float64) / max(len(rows), 1)
        # The covariance of one poster, or of equal ones, is 0.
        trace = max(float(np.trace(covariance)), 1e-12)
        precision = np.linalg.inv(covariance + ridge * trace * np.eye(len(covariance)))
        scale = max(float(np.sqrt((precision * covariance).sum())), 1e-12)
        return cls(mean, precision.astype(np.float32), scale)

    def pull(self, vectors: npt.ArrayLike, weights: npt.ArrayLike) -> Array:
        """Return (E,) v = Σ wⱼ (xⱼ − μ) of watched films with (H, E) vectors and (H,) weights."""
        return np.asarray(np.asarray(weights, np.float32) @ (np.asarray(vectors, np.float32) - self.mean), np.float32)

    def profiles(self, pulls: npt.ArrayLike) -> "list[UserProfile]":
        """Return the profiles of (Q, E) sums from :meth:`pull`."""
        many = np.asarray(pulls, np.float32)
        directions = many @ self.precision
        squares = np.einsum("qe,qe->q", many, directions)
        return [
            UserProfile(a, float(np.sqrt(max(float(square), 0.0))))
            for a, square in zip(directions, squares, strict=True)
        ]

    def scores(self, profile: "UserProfile", vectors: npt.ArrayLike) -> Array:
        """Return (C,) scores of (C, E) films, comparable between users.

        The score is a · (c − μ), divided by the profile's length in this metric and by the root mean square length of
        the catalogue's films. It equals the cosine to the profile times the relative length of the film's offset.
        """
        offset = np.asarray(vectors, np.float32) - self.mean
        return np.asarray(offset @ profile.direction / max(profile.length * self.scale, 1e-12), np.float32)

    def lift(self, vectors: npt.ArrayLike) -> Array:
        """Return (C, E) vectors P (c − μ) of (C, E) films.

        The product of such a vector with a watched film's weighted offset is that film's contribution to the score.
        """
        return np.asarray((np.asarray(vectors, np.float32) - self.mean) @ self.precision, np.float32)

    def attributions(self, watched: npt.ArrayLike, weights: npt.ArrayLike, lifted: Array) -> Array:
        """Return (C, H) contributions of each watched film to each lifted film's ``a · (c − μ)``; rows sum to it."""
        films = np.asarray(watched, np.float32) - self.mean
        return np.asarray((lifted @ films.T) * np.asarray(weights, np.float32), np.float32)
