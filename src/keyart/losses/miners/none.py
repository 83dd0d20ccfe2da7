"""A miner that selects all pairs."""

from typing import ClassVar

from torch import Tensor

from keyart.losses.base import Relations
from keyart.losses.miners.base import Miner


class NoMiner(Miner):
    """Miner that leaves all pairs to the loss.

    Use it by default: most losses weight pairs by their difficulty themselves.
    """

    name: ClassVar[str] = "none"

    def mine(self, embeddings: Tensor, ref_emb: Tensor, relations: Relations) -> Relations:
        """Return the relations unchanged."""
        return relations
