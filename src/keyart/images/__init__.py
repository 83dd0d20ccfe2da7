"""From image files to batches: decoding, pixel cache, near-duplicates, augmentation, samplers and the DataModule.

Code that computes vectors from pixels with a network belongs in `keyart.models`.
"""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
