"""Vectors to answers: metrics, neighbours, search."""

from onesheet.retrieval.baselines import colour_histograms, random_vectors
from onesheet.retrieval.cowatch import CoWatch, co_watched, joined, unit_rows
from onesheet.retrieval.exclusion import Exclusion
from onesheet.retrieval.index import PosterIndex
from onesheet.retrieval.metrics import (
    DEFAULT_METRICS,
    Judgement,
    RetrievalMetrics,
    evaluate_retrieval,
    lift,
    merge_frozen,
    per_query_table,
    same_queries,
)
from onesheet.retrieval.neighbours import Neighbours, exact_neighbours
from onesheet.retrieval.pairs import pairs_recall, rank_queries

__all__ = [
    "DEFAULT_METRICS",
    "CoWatch",
    "Exclusion",
    "Judgement",
    "Neighbours",
    "PosterIndex",
    "RetrievalMetrics",
    "co_watched",
    "colour_histograms",
    "evaluate_retrieval",
    "exact_neighbours",
    "joined",
    "lift",
    "merge_frozen",
    "pairs_recall",
    "per_query_table",
    "random_vectors",
    "rank_queries",
    "same_queries",
    "unit_rows",
]
