from keyart.training.callbacks.best_checkpoint import BestCheckpoint as BestCheckpoint
from keyart.training.callbacks.evaluation import RetrievalEvaluation as RetrievalEvaluation
from keyart.training.callbacks.last_checkpoint import LastCheckpoint as LastCheckpoint
from keyart.training.callbacks.progress import PosterProgress as PosterProgress
from keyart.training.callbacks.pruning import Pruning as Pruning
from keyart.training.early_ends import TrialPruned as TrialPruned
