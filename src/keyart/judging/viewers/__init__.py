"""Are films that viewers went on to like found from what they had watched? Protocols, models, metrics."""

from keyart.judging.viewers.evaluate import evaluate_history

__all__ = ["evaluate_history"]
