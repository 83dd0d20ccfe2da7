"""Training: LightningModule, callbacks, loggers, resuming, and the files that a run writes into its folder.

Only `keyart.training.build` reads Hydra's configuration; below it, all arguments are typed (`Experiment`). Code that
starts several processes belongs in `keyart.launch`.
"""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
