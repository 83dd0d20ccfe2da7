"""An embedder in other formats: ONNX, timm weights, and the preprocessing that they need.

Each writer checks its result against the embedder. The command that calls them is `keyart.runs.export`.
"""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
