"""Explaining a similarity: which regions of two posters carry it."""

from keyart.retrieval.explanation.gradients import Shares, integrated_gradients
from keyart.retrieval.explanation.pair import CELL, Explanation, Share, explain_pair
from keyart.retrieval.explanation.spread import spread

__all__ = ["CELL", "Explanation", "Share", "Shares", "explain_pair", "integrated_gradients", "spread"]
