"""The training objective: from embedded posters through relations, memory and miner to the loss."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from keyart.errors import InputError
from keyart.losses.base import MetricLoss, Relations, compute_relations
from keyart.losses.gather import gather_rows
from keyart.losses.miners.base import Miner
from keyart.losses.miners.none import NoMiner


@dataclass(frozen=True, eq=False)
class EmbeddedBatch:
    """A batch of embedded posters with the data that a loss needs.

    Args:
        embeddings: (N, W) the head's parts side by side, normalised or raw as the loss requires.
        genres: (N, G) multi-hot float.
        index: (N,) int64 number of each poster; -1 for an empty place of a memory.
        frozen: (N, F) the frozen backbone's pooled features or a teacher's embeddings, if the loss needs them.
    """

    embeddings: Tensor
    genres: Tensor
    index: Tensor
    frozen: Tensor | None = None

    def gathered(self, sizes: list[int]) -> "EmbeddedBatch":
        """Gather the rows of all processes, with gradient; see `gather_rows`.

        Process r of w has rows r, r + w, r + 2w … of the batch. The result has the batch's order, so that random miners
        and a memory give the same result for any number of processes.
        """
        device = self.index.device
        held = [torch.arange(size, device=device) * len(sizes) + rank for rank, size in enumerate(sizes)]
        order = torch.cat(held).argsort()
        embeddings, genres, index = (
            gather_rows(rows, sizes)[order] for rows in (self.embeddings, self.genres, self.index)
        )
        frozen = None if self.frozen is None else gather_rows(self.frozen, sizes)[order]
        return EmbeddedBatch(embeddings, genres, index, frozen)

    def followed_by(self, others: "EmbeddedBatch") -> "EmbeddedBatch":
        """Concatenate these rows and the others."""
        frozen = None
        if self.frozen is not None and others.frozen is not None:
            frozen = torch.cat((self.frozen, others.frozen))
        return EmbeddedBatch(
            torch.cat((self.embeddings, others.embeddings)),
            torch.cat((self.genres, others.genres)),
            torch.cat((self.index, others.index)),
            frozen,
        )


def compute_loss(
    rows: EmbeddedBatch,
    loss: MetricLoss,
    relevance: Callable[[Tensor, Tensor], Tensor],
    *,
    branches: int = 1,
    miner: Miner | None = None,
    remembered: EmbeddedBatch | None = None,
) -> Tensor:
    """Compute the loss of a batch; each poster is compared with the batch and with the remembered posters.

    Remembered posters that are also in the batch are left out: the batch's rows are newer and have a gradient.

    Args:
        rows: The whole batch, from all processes.
        loss: The loss; it is applied to each part separately.
        relevance: Function that returns gains (N, M) in [0, 1] of two multi-hot tensors.
        branches: Number of vectors of equal width into which the embeddings are split.
        miner: Selects pairs or triplets; None for all.
        remembered: Posters of other batches, without gradient; None for none.

    Returns:
        A scalar, the mean over parts.
    """
    others = rows if remembered is None else rows.followed_by(remembered)
    frozen = None if rows.frozen is None or others.frozen is None else (rows.frozen, others.frozen)
    relations = compute_relations(rows.genres, others.genres, relevance, rows.index, others.index, frozen=frozen)
    ref_emb: tuple[Tensor | None, ...] = (None,) * branches
    if remembered is not None:
        there = (remembered.index >= 0) & ~torch.isin(remembered.index, rows.index)
        relations = _among(relations, torch.cat((torch.ones_like(rows.index, dtype=torch.bool), there)))
        ref_emb = others.embeddings.chunk(branches, dim=1)
    losses = []
    for part, reference in zip(rows.embeddings.chunk(branches, dim=1), ref_emb, strict=True):
        chosen = relations if miner is None else miner(part, relations, reference)
        losses.append(loss(part, chosen, reference))
    return torch.stack(losses).mean()


def _among(relations: Relations, there: Tensor) -> Relations:
    """Restrict relations to the references (M,) that are ``there``; the others become neither positive nor negative."""
    return replace(
        relations,
        gain=relations.gain * there,
        positive=relations.positive & there,
        negative=relations.negative & there,
        different=None if relations.different is None else relations.different & there,
    )


def check_use(loss: MetricLoss, miner: Miner | None, *, memory: bool) -> None:
    """Check that a loss can use the miner, and a memory of other batches if there is one.

    Raises:
        InputError: It cannot; the message gives the reason.
    """
    if miner is not None and not isinstance(miner, NoMiner) and not (loss.supports_memory and loss.supports_miner):
        reason = (
            "weighs every pair by its gain or its rank"
            if loss.supports_memory
            else "compares posters with genres and not with each other"
        )
        raise InputError(
            f"miner={miner.name}: loss={loss.name} {reason}, so there are no pairs to choose; take miner=none"
        )
    if memory and not loss.supports_memory:
        raise InputError(
            f"memory.size: loss={loss.name} compares posters with genres and not with each other,"
            " so posters of other batches are of no use; take memory.size=0"
        )
    if memory and loss.no_references is not None:
        raise InputError(f"memory.size: loss={loss.title()} {loss.no_references}; take memory.size=0")
