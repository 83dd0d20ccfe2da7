"""A miner that fails in one process of several."""

import os

from keyart.losses.miners.none import NoMiner


class FaultyMiner(NoMiner):
    """Chooses all pairs, until its fifth batch in the process of rank 1."""

    def __init__(self):
        super().__init__()
        self.left = 5

    def __call__(self, *args, **kwargs):
        self.left -= 1
        if self.left == 0 and os.environ.get("RANK") == "1":
            raise RuntimeError("a fault in one of them")
        return super().__call__(*args, **kwargs)
