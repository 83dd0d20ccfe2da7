"""Export of an embedder to other formats: ONNX, torch.export, timm weights, and a description of the preprocessing.

Each writer checks its result against the embedder. The command that calls them is in `keyart.runs.export`.
"""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
