"""How good an embedding is: on a split of its run, on other posters, on pairs and on histories."""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
