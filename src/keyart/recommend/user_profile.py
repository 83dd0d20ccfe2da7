"""A viewer's taste as a direction in the embedding: ridge regression on the look of what was watched."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
RIDGE = 0.02
SAMPLE = 20_000


@dataclass(frozen=True, eq=False)
class Taste:
    """A direction in a :class:`Space`.

    Attributes:
        direction: (E,) a = P v, v being the weighted sum of the watched films' offsets from the mean.
        length: √(vᵀ P v).
    """

    direction: Array
    length: float


@dataclass(frozen=True, eq=False)
class Space:
    """How the posters of a catalogue lie: their mean, and their covariance turned inside out.

    A viewer's taste is the ridge regression (Hoerl and Kennard 1970) of *watched, weighted* (0 for every film that was
    not watched) on the vectors of all films: with mean μ and covariance C of the catalogue, and weights w of the
    watched films x, the direction a = (C + ridge · tr(C) · I)⁻¹ Σ wⱼ (xⱼ − μ), up to a factor. A film c then scores
    a · (c − μ): a sum over the watched films, so that each film's part in a candidate is known exactly. What nearly all
    posters share says little about anybody's taste; the inverse covariance takes it out, as the mean does. A great
    ridge leaves the plain mean profile.

    Attributes:
        mean: (E,) μ.
        precision: (E, E) (C + ridge · tr(C) · I)⁻¹.
        spread: Root mean square length of the catalogue's vectors in this metric, which scales scores.
    """

    mean: Array
    precision: Array
    spread: float

    @classmethod
    def fit(cls, vectors: npt.ArrayLike, ridge: float = RIDGE) -> "Space":
        """The space of a catalogue.

        Args:
            vectors: (N, E) of its posters, or of many of them.
            ridge: Positive, relative to the covariance's trace.
        """
        rows = np.asarray(vectors, dtype=np.float32)
        mean = rows.mean(0)
        offset = rows - mean
        covariance = (offset.T @ offset).astype(np.float64) / max(len(rows), 1)
        # A catalogue of one poster, or of equal ones, has no spread at all.
        trace = max(float(np.trace(covariance)), 1e-12)
        precision = np.linalg.inv(covariance + ridge * trace * np.eye(len(covariance)))
        spread = max(float(np.sqrt((precision * covariance).sum())), 1e-12)
        return cls(mean, precision.astype(np.float32), spread)

    def pull(self, vectors: npt.ArrayLike, weights: npt.ArrayLike) -> Array:
        """(E,) v = Σ wⱼ (xⱼ − μ) of watched films with (H, E) vectors and (H,) weights."""
        return np.asarray(np.asarray(weights, np.float32) @ (np.asarray(vectors, np.float32) - self.mean), np.float32)

    def tastes(self, pulls: npt.ArrayLike) -> "list[Taste]":
        """The tastes of (Q, E) pulls."""
        many = np.asarray(pulls, np.float32)
        directions = many @ self.precision
        squares = np.einsum("qe,qe->q", many, directions)
        return [
            Taste(a, float(np.sqrt(max(float(square), 0.0)))) for a, square in zip(directions, squares, strict=True)
        ]

    def scores(self, taste: "Taste", vectors: npt.ArrayLike) -> Array:
        """(C,) scores of (C, E) films, comparable between viewers.

        a · (c − μ), divided by the taste's own length in this metric and by the root mean square length of the
        catalogue's films: the cosine to the taste, times how far a film stands out.
        """
        offset = np.asarray(vectors, np.float32) - self.mean
        return np.asarray(offset @ taste.direction / max(taste.length * self.spread, 1e-12), np.float32)

    def lift(self, vectors: npt.ArrayLike) -> Array:
        """(C, E) P (c − μ) of (C, E) films: what their product with a watched film's offset is that film's part in."""
        return np.asarray((np.asarray(vectors, np.float32) - self.mean) @ self.precision, np.float32)

    def parts(self, watched: npt.ArrayLike, weights: npt.ArrayLike, lifted: Array) -> Array:
        """(C, H) what each watched film gives to each lifted film's ``a · (c − μ)``; rows add up to it."""
        films = np.asarray(watched, np.float32) - self.mean
        return np.asarray((lifted @ films.T) * np.asarray(weights, np.float32), np.float32)
