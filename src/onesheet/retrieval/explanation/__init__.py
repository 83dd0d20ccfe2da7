"""Explaining a similarity: which regions of two posters carry it."""

from onesheet.retrieval.explanation.gradients import Shares, integrated_gradients
from onesheet.retrieval.explanation.pair import CELL, Explanation, Share, explain_pair
from onesheet.retrieval.explanation.spread import spread

__all__ = ["CELL", "Explanation", "Share", "Shares", "explain_pair", "integrated_gradients", "spread"]
