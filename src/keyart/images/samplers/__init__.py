"""Batch samplers: each batch is a pure function of (seed, epoch, batch) and covers all processes.

A sampler uses labels, never pixels or vectors. Code that selects by embeddings is a miner (`keyart.losses.miners`).
"""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
