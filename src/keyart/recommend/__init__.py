"""Recommendation from watch histories: interests, user profiles, candidate films, and their offline evaluation.

Code that reads a history table belongs in `keyart.catalogue`.
"""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
