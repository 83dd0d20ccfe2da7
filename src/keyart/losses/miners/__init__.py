"""Miners: which of a batch's pairs or triplets a loss sees.

A miner looks at embeddings; what composes batches from labels alone is a sampler (`keyart.images.samplers`).
"""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
