"""Relevance of genre sets to each other: one definition shared by losses, samplers and metrics."""

from collections.abc import Iterator
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from keyart.errors import InputError

RelevanceKind = Literal["jaccard", "idf_cosine", "any", "exact"]
KINDS: tuple[str, ...] = get_args(RelevanceKind)
#: Smallest gain of a positive pair.
POSITIVE_GAIN = 0.5

_TILE = 1024


class Relevance:
    """Relevance of two genre sets A and B as a gain in [0, 1].

    - ``jaccard``: |A ∩ B| / |A ∪ B|.
    - ``idf_cosine``: the cosine similarity of the sets' multi-hot vectors, weighted by inverse document frequency, so
      that a shared rare genre counts more: Σ_{g ∈ A∩B} idf_g² / √(Σ_{g ∈ A} idf_g² · Σ_{g ∈ B} idf_g²).
    - ``any``: 1 if A and B share a genre, else 0.
    - ``exact``: 1 if A = B, else 0.

    An empty set has gain 0 with every set. Gains are float32 and identical on CPU and CUDA, with every matmul precision
    and with autocast: products of 0/1 are exact in all of them, and ``idf_cosine`` is computed in float64. A Jaccard
    index of 1/2 or 2/4 is therefore exactly 0.5.

    Args:
        kind: One of :data:`KINDS`.
        idf: (G,) positive weights of the genres, in column order; required only for ``idf_cosine``.

    Raises:
        InputError: ``kind`` is unknown, or ``idf`` is missing for ``idf_cosine``.

    Examples:
        >>> a, b = torch.tensor([[1.0, 1.0, 0.0]]), torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
        >>> Relevance("jaccard")(a, b)
        tensor([[0.5000, 0.0000]])
    """

    def __init__(self, kind: RelevanceKind, idf: Tensor | None = None) -> None:
        if kind not in KINDS:
            raise InputError(f"relevance.kind={kind}: unknown; choose one of {', '.join(KINDS)}")
        if kind == "idf_cosine" and idf is None:
            raise InputError("relevance.kind=idf_cosine: needs the genres' weights; build it with Relevance.fit")
        self.kind: RelevanceKind = kind
        self.idf = idf.detach().to(torch.float64) if idf is not None and kind == "idf_cosine" else None
        self._square = None if self.idf is None else self.idf**2

    @classmethod
    def fit(cls, kind: RelevanceKind, genres: Tensor | npt.NDArray[np.bool_]) -> "Relevance":
        """Compute the genre weights from N posters: ``idf_g = ln(1 + N / max(n_g, 1))`` if n_g posters have genre g.

        Because of the added 1, a genre that every poster has still counts.

        Args:
            kind: One of :data:`KINDS`.
            genres: (N, G) multi-hot.
        """
        hot = torch.as_tensor(genres)
        counts = hot.to(torch.float64).sum(dim=0).clamp(min=1)
        return cls(kind, torch.log1p(hot.shape[0] / counts))

    def to(self, device: torch.device | str) -> "Relevance":
        """Return the same relevance with its weights on ``device``."""
        return Relevance(self.kind, None if self.idf is None else self.idf.to(device))

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """Compute the gains of all pairs.

        Args:
            a: (N, G) multi-hot, any dtype.
            b: (M, G) multi-hot, on the same device.

        Returns:
            (N, M) float32 on the same device. This needs about N · M · 8 bytes (three times as much for
            ``idf_cosine``): process large galleries in tiles.
        """
        if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
            raise ValueError(f"genres must be (N, G) and (M, G), not {tuple(a.shape)} and {tuple(b.shape)}")
        with torch.autocast(a.device.type, enabled=False):
            if self.kind == "idf_cosine":
                return self._idf_cosine(a, b)
            hot_a = a.to(torch.float32)
            hot_b = hot_a if b is a else b.to(torch.float32)
            shared = hot_a @ hot_b.T
            if self.kind == "any":
                return shared.clamp_(max=1)
            # An empty set shares nothing with any other set, so any size above 0 gives gain 0 and avoids 0/0.
            size_a = hot_a.sum(dim=1).clamp_(min=0.5)
            size_b = size_a if hot_b is hot_a else hot_b.sum(dim=1).clamp_(min=0.5)
            union = (size_a[:, None] + size_b[None]).sub_(shared)
            if self.kind == "exact":
                return (shared == union).to(torch.float32)
            return shared.div_(union)

    def _idf_cosine(self, a: Tensor, b: Tensor) -> Tensor:
        if self._square is None or self._square.shape != a.shape[1:]:
            have = "no" if self._square is None else str(len(self._square))
            raise ValueError(f"idf has {have} weights, the genres {a.shape[1]} columns")
        square = self._square = self._square.to(a.device)
        hot_a, hot_b = a.to(torch.float64), b.to(torch.float64)
        norms = ((hot_a @ square)[:, None] * (hot_b @ square)[None]).sqrt_()
        # The float64 error is about 1e-16: rounded to float32, equal sets give exactly 1, equal halves exactly 0.5.
        gain = ((hot_a * square) @ hot_b.T).div_(norms.clamp_(min=1e-300))
        return gain.to(torch.float32).clamp_(max=1)

    def __repr__(self) -> str:
        return f"Relevance({self.kind!r})"


def positive_mask(gain: Tensor) -> Tensor:
    """Return where a pair is positive: gain ≥ :data:`POSITIVE_GAIN`. Same shape as ``gain``, bool."""
    return gain >= POSITIVE_GAIN


def negative_mask(gain: Tensor) -> Tensor:
    """Return where a pair is negative: gain = 0. Same shape as ``gain``, bool."""
    return gain == 0


def distinct_sets(genres: Tensor | npt.NDArray[np.bool_]) -> tuple[Tensor, Tensor, Tensor]:
    """Return the distinct genre sets among N posters; sums over their pairs are much cheaper than over posters.

    Args:
        genres: (N, G) multi-hot.

    Returns:
        The U sets (U, G) in the dtype of ``genres``, the position of each poster's set (N,) int64, and the number of
        posters of each set (U,) int64.
    """
    hot = torch.as_tensor(genres)
    sets, position, counts = torch.unique(hot, dim=0, return_inverse=True, return_counts=True)
    return sets, position, counts


def check_learnable(
    genres: Tensor | npt.NDArray[np.bool_], relevance: Relevance, *, source: str = "the training split"
) -> None:
    """Check that a training set contains both positive and negative pairs.

    Args:
        genres: (N, G) multi-hot, of the training posters.
        relevance: The relevance that training uses.
        source: Name of the posters in messages, such as the table's file.

    Raises:
        InputError: The posters have fewer than two genres in total, no pair is positive, or no pair is negative.
    """
    hot = torch.as_tensor(genres)
    present = int(hot.any(dim=0).sum())
    if present < 2:
        raise InputError(
            f"{source}: its {len(hot)} training posters have {present} genre{'' if present == 1 else 's'} between "
            "them; at least two are needed to distinguish posters: give a catalogue with more genres"
        )
    has_positive = has_negative = False
    for gain, pairs in _distinct_pairs(hot, relevance):
        has_positive = has_positive or bool((positive_mask(gain) & pairs).any())
        has_negative = has_negative or bool((negative_mask(gain) & pairs).any())
        if has_positive and has_negative:
            return
    if not has_positive:
        raise InputError(
            f"relevance.kind={relevance.kind}: no two of the {len(hot)} training posters of {source} are positive to "
            f"each other (gain ≥ {POSITIVE_GAIN}); choose a wider relation, such as relevance.kind=any, or give more "
            "posters"
        )
    raise InputError(
        f"relevance.kind={relevance.kind}: every two of the {len(hot)} training posters of {source} are alike (no pair "
        "has gain 0), so nothing can be distinguished; choose relevance.kind=exact, or give posters that share no genre"
    )


def _distinct_pairs(hot: Tensor, relevance: Relevance) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield tiles of gains between distinct sets, and a mask of the entries that two different posters share."""
    sets, _, counts = distinct_sets(hot)
    for start in range(0, len(sets), _TILE):
        gain = relevance(sets[start : start + _TILE], sets)
        pairs = torch.ones_like(gain, dtype=torch.bool)
        rows = torch.arange(len(gain), device=gain.device)
        pairs[rows, rows + start] = counts[start : start + _TILE] > 1
        yield gain, pairs
