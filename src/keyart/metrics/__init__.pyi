from keyart.metrics.baselines import colour_histograms as colour_histograms
from keyart.metrics.baselines import random_vectors as random_vectors
from keyart.metrics.exclusion import Exclusion as Exclusion
from keyart.metrics.functional import evaluate_retrieval as evaluate_retrieval
from keyart.metrics.metric import Metric as Metric
from keyart.metrics.neighbours import Neighbours as Neighbours
from keyart.metrics.neighbours import exact_neighbours as exact_neighbours
from keyart.metrics.pairs import pairs_recall as pairs_recall
from keyart.metrics.pairs import rank_queries as rank_queries
from keyart.metrics.registry import DEFAULT_METRICS as DEFAULT_METRICS
from keyart.metrics.registry import METRICS as METRICS
from keyart.metrics.registry import find_metrics as find_metrics
from keyart.metrics.result import (
    MetricValue as MetricValue,
)
from keyart.metrics.result import (
    RetrievalResult as RetrievalResult,
)
from keyart.metrics.result import (
    lift as lift,
)
from keyart.metrics.result import (
    merge_frozen as merge_frozen,
)
from keyart.metrics.result import (
    ratio as ratio,
)
from keyart.metrics.result import (
    same_queries as same_queries,
)
from keyart.metrics.result import (
    standard_error as standard_error,
)
from keyart.metrics.retrieval_metrics import RetrievalMetrics as RetrievalMetrics
