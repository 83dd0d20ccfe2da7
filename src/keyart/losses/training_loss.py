"""A loss for a training loop of one's own: with a miner, a memory of earlier batches, and the rows of all processes."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from keyart.errors import InputError
from keyart.losses.base import MetricLoss
from keyart.losses.gather import exchange_sizes
from keyart.losses.memory import CrossBatchMemory
from keyart.losses.miners.base import Miner
from keyart.losses.objective import EmbeddedBatch, check_use, compute_loss
from keyart.losses.relations import AnyRelevance, to_relevance


class TrainingLoss(nn.Module):
    """A metric loss as training computes it, called as ``loss(embeddings, labels)`` in any loop.

    With several processes of ``torch.distributed``, the loss is computed over the rows of all, with gradient: together
    with DistributedDataParallel, the parameters' gradients equal those of one process on the whole batch.

    Args:
        loss: The loss.
        miner: Selects the pairs that the loss uses; None: all.
        relevance: A kind of `Relevance` that needs no weights, or any function that returns gains (N, M) in [0, 1] of
            two multi-hot tensors.
        memory_size: Number of items of earlier batches to compare with (`CrossBatchMemory`); 0: none.
        start_step: The call from which the memory is used; it is filled from the first one.
        embedding_size: E, required for a memory.
        num_labels: G, required for a memory, and for class numbers in several processes.

    Raises:
        InputError: The loss cannot use the miner or the memory, or a size is missing.

    Examples:
        >>> from keyart.losses import AngularLoss, HardMiner
        >>> loss = TrainingLoss(AngularLoss(45), HardMiner(), memory_size=8, embedding_size=2, num_labels=3)
        >>> labels = torch.tensor([[1, 1, 0], [1, 1, 0], [0, 0, 1]])
        >>> loss(torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]], requires_grad=True), labels).backward()
        >>> int((loss.memory.index >= 0).sum())
        3
    """

    def __init__(
        self,
        loss: MetricLoss,
        miner: Miner | None = None,
        *,
        relevance: AnyRelevance = "jaccard",
        memory_size: int = 0,
        start_step: int = 0,
        embedding_size: int | None = None,
        num_labels: int | None = None,
    ) -> None:
        super().__init__()
        check_use(loss, miner, memory=memory_size > 0)
        self.loss, self.miner = loss, miner
        self.relevance = to_relevance(relevance)
        self.num_labels = num_labels
        self.memory: CrossBatchMemory | None = None
        if memory_size:
            if embedding_size is None or num_labels is None:
                raise InputError(f"memory_size={memory_size}: needs embedding_size and num_labels")
            self.memory = CrossBatchMemory(memory_size, start_step, width=embedding_size, genres=num_labels)
        self._calls = self._items = 0

    def forward(self, embeddings: Tensor, labels: Tensor, ids: Tensor | None = None) -> Tensor:
        """Compute the loss of a batch, and remember it.

        Args:
            embeddings: (N, E) of this process, as the model returns them.
            labels: (N,) class numbers, or (N, G) multi-hot.
            ids: (N,) int64 numbers of the items; an item is not compared with itself in the memory. None: all items
                are different ones.

        Returns:
            A scalar.
        """
        with torch.autocast(embeddings.device.type, enabled=False):
            vectors = embeddings if embeddings.dtype == torch.float64 else embeddings.float()
            if self.loss.input_kind == "normalised":
                vectors = nn.functional.normalize(vectors, dim=1)
        sizes = exchange_sizes(len(vectors), vectors.device)
        numbers = torch.arange(len(vectors), device=vectors.device) if ids is None else ids.to(torch.int64)
        rows = EmbeddedBatch(vectors, self._multi_hot(labels, len(sizes)), numbers)
        if len(sizes) > 1:
            rows = rows.gathered(sizes)
        if ids is None:
            rows = replace(rows, index=self._items + torch.arange(len(rows.index), device=vectors.device))
        remembered = None if self.memory is None else self.memory.references(self._calls)
        value = compute_loss(rows, self.loss, self.relevance, miner=self.miner, remembered=remembered)
        if self.memory is not None:
            self.memory.store(rows)
        self._calls += 1
        self._items += len(rows.index)
        return value

    def _multi_hot(self, labels: Tensor, processes: int) -> Tensor:
        if labels.ndim == 2:
            return labels.float()
        if self.num_labels is not None:
            return nn.functional.one_hot(labels, self.num_labels).float()
        if processes > 1:
            raise InputError("num_labels: needed for class numbers in several processes")
        classes = torch.unique(labels)
        return (labels[:, None] == classes).float()

    def get_extra_state(self) -> dict[str, int]:
        """Return the counts of calls and items, for ``state_dict``."""
        return {"calls": self._calls, "items": self._items}

    def set_extra_state(self, state: Any) -> None:
        """Restore the counts of calls and items."""
        self._calls, self._items = int(state["calls"]), int(state["items"])
