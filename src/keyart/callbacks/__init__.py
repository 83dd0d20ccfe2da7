"""What happens beside training."""

from keyart.callbacks.best_checkpoint import BestCheckpoint
from keyart.callbacks.csv_log import CSVLog
from keyart.callbacks.evaluation import RetrievalEvaluation
from keyart.callbacks.last_checkpoint import LastCheckpoint
from keyart.callbacks.progress import PosterProgress

__all__ = ["BestCheckpoint", "CSVLog", "LastCheckpoint", "PosterProgress", "RetrievalEvaluation"]
