"""Attribution of a similarity to kinds of cue: how much of it colour, texture, layout and content carry."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from math import comb

import torch
from torch import Tensor

from keyart.models.precision import autocast_for
from keyart.retrieval.explanation.hybrids import CUES, find_cues, mix

KEPT = 64
"""Number of posters whose embedded mixtures are kept."""


@dataclass(frozen=True)
class CueAttributions:
    """Attributions of a similarity to kinds of cue: ``similarity = baseline + sum(parts.values())``.

    Attributes:
        similarity: Cosine of the two posters.
        baseline: Mean cosine of two different reference posters.
        parts: What each of `CUES` adds; negative if it makes the posters less alike than two reference posters.
    """

    similarity: float
    baseline: float
    parts: dict[str, float]


class CueExplainer:
    """Attribute the cosine similarity of two posters to kinds of cue.

    A cue is removed from a poster by taking it from a reference poster instead, so that every image that the network
    gets is composed of the cues of two posters (`mix`):

    - *colour*: mean and covariance of the RGB values (linear colour transfer).
    - *layout*: where the masses lie, whatever their colours: the frequencies below about 3 cycles per image.
    - *texture*: how much fine detail there is, at which scales and in which directions: the power spectrum of the high
      frequencies, smoothed, which is the autocorrelation within about 1/32 of the height.
    - *content*: all that remains: the shapes that the fine detail draws, such as figures, faces and letters.

    For a set S of cues, v(S) is the cosine of the two posters when both keep S and take the other cues from two
    different reference posters; the mean over all ordered pairs of reference posters. Each cue gets its Shapley value
    φᵢ = Σ_S |S|! (3 − |S|)! / 4! · (v(S ∪ {i}) − v(S)) over the 8 sets S without it (Shapley 1953; for features
    replaced by those of references: Lundberg and Lee 2017, arXiv 1705.07874). Therefore the parts sum to
    v(all) − v(∅): the similarity minus that of two reference posters (completeness).

    Limits: the parts depend on the reference posters; with four, their standard error is 0.01 to 0.04 on real posters.
    Colour has no position (coloured areas are part of layout), and two moments do not describe every palette. Texture
    is one for the whole poster. Fourier coefficients wrap around the edges. An embedding that ignores a cue gives it 0.

    A poster is often explained beside several others, so the embeddings of its mixtures are kept for a few posters.

    Args:
        embedder: Maps images (B, 3, H, W) to unit vectors (B, E): an `Embedder` in evaluation mode, or any function.
        references: R ≥ 2 posters (3, H, W) in [0, 1], typical of the catalogue, without those that are explained.
        precision: Precision of the network's computation.

    Raises:
        ValueError: There are fewer than two reference posters.
    """

    @torch.inference_mode()
    def __init__(
        self, embedder: Callable[[Tensor], Tensor], references: Sequence[Tensor], *, precision: str = "fp32"
    ) -> None:
        if len(references) < 2:
            raise ValueError(f"references: {len(references)} posters; at least two are needed")
        self._embedder, self._precision = embedder, precision
        self._others = [(find_cues(image), self._embed(image[None])) for image in references]
        self._known: dict[bytes, Tensor] = {}

    @torch.inference_mode()
    def explain(self, pair: Sequence[Tensor]) -> CueAttributions:
        """Attribute the cosine similarity of two posters, each (3, H, W) in [0, 1]."""
        cosines = torch.einsum("ase,bse->sab", *(self._mixtures(image) for image in pair))
        values = cosines[:, ~torch.eye(len(self._others), dtype=torch.bool)].mean(1)
        parts = shapley_values(values)
        return CueAttributions(float(values[-1]), float(values[0]), dict(zip(CUES, parts.tolist(), strict=True)))

    def _mixtures(self, image: Tensor) -> Tensor:
        """Return (R, 16, E) float64 embeddings of a poster that keeps each set of cues, with each reference poster."""
        key = blake2b(image.numpy().tobytes(), digest_size=16).digest()
        if key not in self._known:
            size, own, vector = (int(image.shape[1]), int(image.shape[2])), find_cues(image), self._embed(image[None])
            found = [torch.cat([first, self._embed(mix(own, other, size)), vector]) for other, first in self._others]
            if len(self._known) >= KEPT:
                self._known.clear()
            self._known[key] = torch.stack(found).double()
        return self._known[key]

    def _embed(self, images: Tensor) -> Tensor:
        with autocast_for(images.device, self._precision):
            return self._embedder(images).float()


def explain_cues(
    embedder: Callable[[Tensor], Tensor],
    pair: Sequence[Tensor],
    references: Sequence[Tensor],
    *,
    precision: str = "fp32",
) -> CueAttributions:
    """Attribute the cosine similarity of one pair of posters to kinds of cue; see `CueExplainer`."""
    return CueExplainer(embedder, references, precision=precision).explain(pair)


def shapley_values(values: Tensor) -> Tensor:
    """Compute the Shapley values of n players, whose sum is ``values[-1] - values[0]``.

    Args:
        values: (2ⁿ,) value of each coalition; player i takes part in coalition s if s has bit i.

    Returns:
        (n,) of the dtype of ``values``.

    Examples:
        >>> shapley_values(torch.tensor([0.0, 1.0, 2.0, 6.0]))
        tensor([2.5000, 3.5000])
    """
    players = len(values).bit_length() - 1
    found = torch.zeros(players, dtype=values.dtype)
    for player in range(players):
        for coalition in range(len(values)):
            if not coalition >> player & 1:
                share = 1 / (players * comb(players - 1, coalition.bit_count()))
                found[player] += share * (values[coalition | 1 << player] - values[coalition])
    return found
