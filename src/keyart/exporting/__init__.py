"""Taking a run's embedder elsewhere: as an ONNX graph, or as timm weights with the head beside them."""

from keyart.exporting.export import TARGETS, export_run
from keyart.exporting.preprocessing import preprocessing

__all__ = ["TARGETS", "export_run", "preprocessing"]
