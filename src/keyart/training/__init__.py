"""Training: the LightningModule, callbacks, loggers, resuming, and what a run leaves in its folder.

Hydra is met in one module, `keyart.training.build`. Several processes belong in `keyart.launch`.
"""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
