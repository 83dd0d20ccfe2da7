from keyart.metrics.baselines import colour_histograms as colour_histograms, random_vectors as random_vectors
from keyart.metrics.exclusion import Exclusion as Exclusion
from keyart.metrics.functional import evaluate_retrieval as evaluate_retrieval
from keyart.metrics.metric import Metric as Metric
from keyart.metrics.neighbours import Neighbours as Neighbours, exact_neighbours as exact_neighbours
from keyart.metrics.pairs import pairs_recall as pairs_recall, rank_queries as rank_queries
from keyart.metrics.registry import DEFAULT_METRICS as DEFAULT_METRICS, METRICS as METRICS, find_metrics as find_metrics
from keyart.metrics.result import (
    MetricValue as MetricValue,
    RetrievalResult as RetrievalResult,
    lift as lift,
    merge_frozen as merge_frozen,
    ratio as ratio,
    same_queries as same_queries,
    standard_error as standard_error,
)
from keyart.metrics.retrieval_metrics import RetrievalMetrics as RetrievalMetrics
