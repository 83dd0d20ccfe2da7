"""What happens beside training."""

from keyart.callbacks.csv_log import CSVLog
from keyart.callbacks.evaluation import RetrievalEvaluation
from keyart.callbacks.last_checkpoint import LastCheckpoint
from keyart.callbacks.progress import PosterProgress

__all__ = ["CSVLog", "LastCheckpoint", "PosterProgress", "RetrievalEvaluation"]
