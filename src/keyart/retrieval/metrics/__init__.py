"""Exact retrieval metrics, their chance, and a torchmetrics `Metric` over them."""

from keyart.retrieval.metrics.functional import evaluate_retrieval
from keyart.retrieval.metrics.judgement import (
    Judgement,
    lift,
    merge_frozen,
    per_query_table,
    ratio,
    same_queries,
    standard_error,
)
from keyart.retrieval.metrics.metric import RetrievalMetrics
from keyart.retrieval.metrics.names import DEFAULT_METRICS, MetricName, parse_metrics

__all__ = [
    "DEFAULT_METRICS",
    "Judgement",
    "MetricName",
    "RetrievalMetrics",
    "evaluate_retrieval",
    "lift",
    "merge_frozen",
    "parse_metrics",
    "per_query_table",
    "ratio",
    "same_queries",
    "standard_error",
]
