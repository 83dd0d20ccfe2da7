"""The base class of all miners, which use embeddings to select the pairs for a loss."""

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from keyart.losses.relations import AnyRelevance, Relations, compute_label_relations, to_relevance


class Miner(ABC):
    """Base class of miners: selects pairs or triplets of a batch.

    To add a miner, subclass it in one file, implement `mine`, and add a YAML file.

    A miner uses the masks of `Relations`, so it works on posters with any number of genres: pairs that are neither
    positive nor negative remain so. It returns narrower masks, or triplets if not every selected positive belongs to
    every selected negative. It computes no gradient. Random miners use only PyTorch's generator.
    """

    #: The miner's name in ``miner=``.
    name: ClassVar[str]
    #: Whether `mine` gets L2-normalised embeddings or raw ones.
    input_kind: ClassVar[Literal["normalised", "raw"]] = "normalised"

    def __call__(
        self,
        embeddings: Tensor,
        relations: Relations | Tensor,
        ref_emb: Tensor | None = None,
        ref_labels: Tensor | None = None,
        *,
        relevance: AnyRelevance = "jaccard",
    ) -> Relations:
        """Select pairs or triplets from the relations.

        Args:
            embeddings: (N, E) of the batch; they are normalised here if `input_kind` requires it.
            relations: Relations between the N rows and the M references; or labels, (N,) class numbers or (N, G)
                multi-hot.
            ref_emb: (M, E) embeddings to compare with; None for the batch itself (M = N).
            ref_labels: (M,) or (M, G), required with labels and references.
            relevance: With labels: see `MetricLoss.forward`.

        Returns:
            The relations with fewer pairs.
        """
        if not isinstance(relations, Relations):
            count = 0 if ref_emb is None else len(ref_emb)
            relations = compute_label_relations(relations, len(embeddings), to_relevance(relevance), ref_labels, count)
        with torch.no_grad(), torch.autocast(embeddings.device.type, enabled=False):
            rows = self._prepare(embeddings)
            return self.mine(rows, rows if ref_emb is None else self._prepare(ref_emb).to(rows.dtype), relations)

    def _prepare(self, vectors: Tensor) -> Tensor:
        vectors = vectors.detach()
        vectors = vectors if vectors.dtype == torch.float64 else vectors.float()
        return nn.functional.normalize(vectors, dim=1) if self.input_kind == "normalised" else vectors

    @abstractmethod
    def mine(self, embeddings: Tensor, ref_emb: Tensor, relations: Relations) -> Relations:
        """Select pairs or triplets.

        Args:
            embeddings: (N, E) float32 or float64, unit vectors if `input_kind` requires it.
            ref_emb: (M, E) of the same dtype, normalised or raw like ``embeddings``.
            relations: Relations between the two.
        """


def distances(rows: Tensor, ref_emb: Tensor) -> Tensor:
    """Return the (N, M) Euclidean distances, exact also where two vectors are nearly equal."""
    return torch.cdist(rows, ref_emb, compute_mode="donot_use_mm_for_euclid_dist")
