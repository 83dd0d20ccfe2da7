"""Exact retrieval metrics with their chance levels, and the exact rankings that they are computed from.

Needs only torch and torchmetrics, and works on any embeddings and labels. Approximate search belongs in
`keyart.retrieval`; code that evaluates a run belongs in `keyart.runs`.
"""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
