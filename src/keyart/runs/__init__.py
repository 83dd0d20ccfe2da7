"""Finished runs: open, embed, search, recommend, explain, evaluate, compare, export.

Code that works on the folders of one or several runs belongs here. Code that trains runs belongs in `keyart.training`.
"""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
