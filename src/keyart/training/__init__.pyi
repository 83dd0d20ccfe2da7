from keyart.training.callbacks.best_checkpoint import BestCheckpoint as BestCheckpoint
from keyart.training.callbacks.evaluation import RetrievalEvaluation as RetrievalEvaluation
from keyart.training.callbacks.last_checkpoint import LastCheckpoint as LastCheckpoint
from keyart.training.callbacks.progress import PosterProgress as PosterProgress
from keyart.training.loggers.csv_log import CSVLog as CSVLog
from keyart.training.module import EmbeddingModule as EmbeddingModule
from keyart.training.schedule import PhaseSchedule as PhaseSchedule, warmup_cosine as warmup_cosine
