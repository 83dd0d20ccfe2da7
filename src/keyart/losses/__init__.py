"""Metric learning losses for items with several labels, miners, and gathering across processes.

Needs only torch and works in any training loop. Optimisers, schedules and Lightning belong in `keyart.training`.
"""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
