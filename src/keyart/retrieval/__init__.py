"""Vectors to answers: metrics, neighbours, search."""

from keyart.retrieval.baselines import colour_histograms, random_vectors
from keyart.retrieval.candidates import Candidates, Films, Viewer, find_candidates, index_space
from keyart.retrieval.cowatch import CoWatch, co_watched, joined, unit_rows
from keyart.retrieval.diversify import diversify
from keyart.retrieval.engines import Engine, build_engine, choose_kind
from keyart.retrieval.exclusion import Exclusion
from keyart.retrieval.index import PosterIndex
from keyart.retrieval.interests import Interest, event_weights, find_interests
from keyart.retrieval.metrics import (
    DEFAULT_METRICS,
    Judgement,
    RetrievalMetrics,
    evaluate_retrieval,
    lift,
    merge_frozen,
    per_query_table,
    same_queries,
)
from keyart.retrieval.neighbours import Neighbours, exact_neighbours
from keyart.retrieval.pairs import pairs_recall, rank_queries
from keyart.retrieval.search import Hits, search_index
from keyart.retrieval.searchable import Searchable
from keyart.retrieval.taste import Space
from keyart.retrieval.titles import find_title

__all__ = [
    "DEFAULT_METRICS",
    "Candidates",
    "CoWatch",
    "Engine",
    "Exclusion",
    "Films",
    "Hits",
    "Interest",
    "Judgement",
    "Neighbours",
    "PosterIndex",
    "RetrievalMetrics",
    "Searchable",
    "Space",
    "Viewer",
    "build_engine",
    "choose_kind",
    "co_watched",
    "colour_histograms",
    "diversify",
    "evaluate_retrieval",
    "event_weights",
    "exact_neighbours",
    "find_candidates",
    "find_interests",
    "find_title",
    "index_space",
    "joined",
    "lift",
    "merge_frozen",
    "pairs_recall",
    "per_query_table",
    "random_vectors",
    "rank_queries",
    "same_queries",
    "search_index",
    "unit_rows",
]
