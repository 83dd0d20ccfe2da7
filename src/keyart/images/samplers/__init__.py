"""Samplers: which posters make up a batch, as pure functions of (seed, epoch, batch) over all processes.

A sampler sees labels, never pixels or vectors: what looks at embeddings is a miner (`keyart.losses.miners`).
"""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
