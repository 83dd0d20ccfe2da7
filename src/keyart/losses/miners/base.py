"""What every miner shares: it looks at embeddings and narrows the pairs down that a loss will see."""

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from keyart.losses.base import Relations


class Miner(ABC):
    """Chooses among the pairs of a batch: subclass it in one file, write `mine`, and add a YAML.

    A miner works on the masks of `Relations` and so on posters with any number of genres: what is neither positive nor
    negative stays so. It returns either narrower masks, or triplets where not every chosen positive goes with every
    chosen negative. It never carries a gradient. One that draws does so from PyTorch's generator alone.
    """

    #: What ``miner=`` calls it.
    name: ClassVar[str]
    #: Whether `mine` gets unit vectors, or the embeddings as they come.
    takes: ClassVar[Literal["normalised", "raw"]] = "normalised"

    def __call__(self, embeddings: Tensor, relations: Relations, references: Tensor | None = None) -> Relations:
        """The chosen ones among the relations.

        Args:
            embeddings: (N, E) of the batch; where `takes` says so, they are normalised here.
            relations: Between the N rows and the M references.
            references: (M, E) what the rows are compared with; None for the batch itself (M = N).

        Returns:
            The same relations with fewer pairs.
        """
        with torch.no_grad(), torch.autocast(embeddings.device.type, enabled=False):
            rows = self._prepare(embeddings)
            return self.mine(rows, rows if references is None else self._prepare(references).to(rows.dtype), relations)

    def _prepare(self, vectors: Tensor) -> Tensor:
        vectors = vectors.detach()
        vectors = vectors if vectors.dtype == torch.float64 else vectors.float()
        return nn.functional.normalize(vectors, dim=1) if self.takes == "normalised" else vectors

    @abstractmethod
    def mine(self, rows: Tensor, references: Tensor, relations: Relations) -> Relations:
        """The miner's choice.

        Args:
            rows: (N, E) float32 or float64, unit vectors where `takes` says so.
            references: (M, E) of the same kind.
            relations: Between the two.
        """


def distances(rows: Tensor, references: Tensor) -> Tensor:
    """(N, M) Euclidean distances, exact also where two vectors are nearly the same."""
    return torch.cdist(rows, references, compute_mode="donot_use_mm_for_euclid_dist")
