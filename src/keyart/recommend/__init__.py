"""Histories to candidates: interests, user profiles, candidate films, and how good they are.

Reading a history table belongs in `keyart.catalogue`.
"""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
