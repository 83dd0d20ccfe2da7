"""``keyart doctor``: check this machine and this installation, and name a fix for each problem."""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
