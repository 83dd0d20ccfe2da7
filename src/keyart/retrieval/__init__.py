"""Vectors to answers: the index and its engines, filters, titles, diversification, explanation.

Answers come from an index. What needs a finished run's folder belongs in `keyart.runs`.
"""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
