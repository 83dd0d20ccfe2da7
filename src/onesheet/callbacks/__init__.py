"""What happens beside training."""

from onesheet.callbacks.csv_log import CSVLog
from onesheet.callbacks.evaluation import RetrievalEvaluation
from onesheet.callbacks.last_checkpoint import LastCheckpoint
from onesheet.callbacks.progress import PosterProgress

__all__ = ["CSVLog", "LastCheckpoint", "PosterProgress", "RetrievalEvaluation"]
