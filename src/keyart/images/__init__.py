"""Files to batches: decoding, the pixel cache, near-duplicates, augmentation, samplers and the DataModule.

What turns pixels into numbers with a network belongs in `keyart.models`.
"""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
