"""Loggers: CSV, Weights & Biases, TensorBoard, MLflow, and the protocol that connects a logger to a whole run."""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
