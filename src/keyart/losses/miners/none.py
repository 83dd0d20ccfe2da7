"""No mining."""

from typing import ClassVar

from torch import Tensor

from keyart.losses.base import Relations
from keyart.losses.miners.base import Miner


class NoMiner(Miner):
    """Leaves every pair to the loss."""

    name: ClassVar[str] = "none"

    def mine(self, rows: Tensor, references: Tensor, relations: Relations) -> Relations:
        """The relations as they came."""
        return relations
