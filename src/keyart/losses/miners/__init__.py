"""Miners: select the pairs or triplets of a batch that a loss uses.

A miner uses embeddings. Code that composes batches from labels alone is a sampler (`keyart.images.samplers`).
"""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
