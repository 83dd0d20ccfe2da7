"""Cross-batch memory: posters of earlier batches to compare with, embedded as they were then."""

import torch
from torch import Tensor, nn

from keyart.errors import InputError
from keyart.losses.objective import Rows


class CrossBatchMemory(nn.Module):
    """A queue of the latest posters' embeddings (Wang et al. 2020, arXiv 1912.06798).

    Embeddings drift slowly, so those of past batches still make good references, and many more than a batch has.
    Unlike in the paper, the batch itself is compared with as it is, with gradient, and not as a copy in the queue.

    All state is in buffers, the place of the next poster included: a checkpoint holds it, and a resumed run goes on
    with the same references. The queue has a fixed shape from the start, with index -1 in empty places, so that filling
    and reading it never wait for the device. Every process holds the same queue, as each stores the rows of all.

    Args:
        size: Posters that it holds.
        start_step: The optimizer's step from which on it is compared with; it is filled from the first.
        width: Numbers of a poster's embedding, of all the head's parts together.
        genres: G.
        frozen_width: Numbers of the frozen features, where the loss asks for them; else 0.

    Raises:
        InputError: For a size below 1 or a negative step.
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

    def recall(self, step: int) -> Rows | None:
        """All places of the queue, the empty ones with index -1; None before `start_step`."""
        if step < self.start_step:
            return None
        frozen = self.frozen if self.frozen.shape[1] else None
        return Rows(self.embeddings, self.genres, self.index, frozen)

    @torch.no_grad()
    def store(self, rows: Rows) -> None:
        """Take in a batch in place of the oldest posters; of a batch larger than the queue, its end."""
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
        """Size and start, for printing."""
        return f"size={self.size}, start_step={self.start_step}"
