"""Cross-batch memory: stored embeddings of posters from earlier batches, used as references."""

import torch
from torch import Tensor, nn

from keyart.errors import InputError
from keyart.losses.objective import EmbeddedBatch


class CrossBatchMemory(nn.Module):
    """A FIFO queue of the latest posters' embeddings (Wang et al. 2020, arXiv 1912.06798).

    Embeddings change slowly, so those of past batches are still good references, and there are many more than in a
    batch. Unlike in the paper, the batch is compared with itself directly, with gradient, and not with its copy in the
    queue.

    All state is in buffers, including the position for the next poster. A checkpoint contains it, and a resumed run
    continues with the same references. The queue has a fixed shape from the start, with index -1 in empty places, so
    writing and reading never wait for the device. All processes have the same queue, because each stores the rows of
    all processes.

    Args:
        size: Maximum number of posters in the queue.
        start_step: The optimizer step from which the queue is used; it is filled from the first step.
        width: Columns of a poster's embedding, over all parts of the head.
        genres: Number G of genres.
        frozen_width: Columns of the frozen features, or of the teacher's embeddings, if the loss needs them, else 0.

    Raises:
        InputError: The size is below 1, or the step is negative.
    """

    embeddings: Tensor
    genres: Tensor
    index: Tensor
    frozen: Tensor
    next: Tensor

    def __init__(self, size: int, start_step: int = 0, *, width: int, genres: int, frozen_width: int = 0) -> None:
        super().__init__()
        if size < 1:
            raise InputError(f"memory.size={size}: must be 1 or more; 0 in a configuration means no memory")
        if start_step < 0:
            raise InputError(f"memory.start_step={start_step}: must be 0 or more steps")
        self.size, self.start_step = size, start_step
        self.register_buffer("embeddings", torch.zeros(size, width))
        self.register_buffer("genres", torch.zeros(size, genres))
        self.register_buffer("index", torch.full((size,), -1, dtype=torch.int64))
        self.register_buffer("frozen", torch.zeros(size, frozen_width))
        self.register_buffer("next", torch.zeros((), dtype=torch.int64))

    def references(self, step: int) -> EmbeddedBatch | None:
        """Return all places of the queue, with index -1 in empty ones; None before `start_step`."""
        if step < self.start_step:
            return None
        frozen = self.frozen if self.frozen.shape[1] else None
        return EmbeddedBatch(self.embeddings, self.genres, self.index, frozen)

    @torch.no_grad()
    def store(self, rows: EmbeddedBatch) -> None:
        """Store a batch in place of the oldest posters; if a batch is larger than the queue, store its last rows."""
        start = max(0, len(rows.index) - self.size)
        places = (self.next + torch.arange(len(rows.index) - start, device=self.next.device)) % self.size
        for queue, new in (
            (self.embeddings, rows.embeddings),
            (self.genres, rows.genres),
            (self.index, rows.index),
            (self.frozen, rows.frozen),
        ):
            if new is not None and queue.shape[1:] != (0,):
                queue.index_copy_(0, places, new[start:].detach().to(queue.dtype))
        self.next.add_(len(places)).remainder_(self.size)

    def extra_repr(self) -> str:
        """Return size and start step for printing."""
        return f"size={self.size}, start_step={self.start_step}"
