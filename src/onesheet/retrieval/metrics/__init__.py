"""Exact retrieval metrics, their chance, and a torchmetrics `Metric` over them."""

from onesheet.retrieval.metrics.functional import evaluate_retrieval
from onesheet.retrieval.metrics.judgement import Judgement, lift, merge_frozen, per_query_table, same_queries
from onesheet.retrieval.metrics.metric import RetrievalMetrics
from onesheet.retrieval.metrics.names import DEFAULT_METRICS, MetricName, parse_metrics

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
    "same_queries",
]
