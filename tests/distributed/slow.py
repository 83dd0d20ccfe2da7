"""A miner that waits: a training that lasts long enough to be interrupted takes no computing time from other tests."""

import time

from keyart.losses.miners.none import NoMiner


class SlowMiner(NoMiner):
    """Chooses all pairs, after 50 ms."""

    def __call__(self, *args, **kwargs):
        time.sleep(0.05)
        return super().__call__(*args, **kwargs)
