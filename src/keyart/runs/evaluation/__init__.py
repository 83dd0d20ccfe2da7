"""Evaluation of an embedding: on a split of its run, on other posters, on pairs and on watch histories."""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
