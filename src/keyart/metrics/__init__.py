"""Exact retrieval metrics with their chance levels, and the exact rankings behind them.

Needs torch and torchmetrics alone and works on any embeddings and labels. Approximate search belongs in
`keyart.retrieval`; what evaluates a run belongs in `keyart.runs`.
"""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
