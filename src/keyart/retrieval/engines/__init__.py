"""Index engines: FAISS in process (CPU or GPU) and Milvus.

An engine builds, loads and searches an index. Code that processes its results belongs in `keyart.retrieval`.
"""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
