"""A finished run: open it, embed, search, recommend, explain, evaluate, compare, export.

What is done with one run's folder or several. How a run comes about belongs in `keyart.training`.
"""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
