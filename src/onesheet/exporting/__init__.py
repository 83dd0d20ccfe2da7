"""Taking a run's embedder elsewhere: as an ONNX graph, or as timm weights with the head beside them."""

from onesheet.exporting.export import TARGETS, export_run
from onesheet.exporting.preprocessing import preprocessing

__all__ = ["TARGETS", "export_run", "preprocessing"]
