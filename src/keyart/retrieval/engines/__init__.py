"""Index engines: FAISS in process, on a GPU, and Milvus.

An engine builds, loads and searches. What is done with its hits belongs one folder up.
"""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
