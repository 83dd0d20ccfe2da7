"""Retrieval: index and engines, search filters, title lookup, diversification and explanation of similarities.

Everything here answers queries from an index. Code that needs the folder of a finished run belongs in `keyart.runs`.
"""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
