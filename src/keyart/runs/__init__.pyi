from keyart.runs.evaluate import evaluate_run as evaluate_run
from keyart.runs.evaluation.posters import (
    EmbeddedPosters as EmbeddedPosters,
    embed_and_frozen as embed_and_frozen,
    evaluate_embeddings as evaluate_embeddings,
    open_posters as open_posters,
)
from keyart.runs.evaluation.scores import Score as Score, collect_scores as collect_scores
from keyart.runs.export import TARGETS as TARGETS, export_run as export_run
from keyart.runs.history_evaluation import evaluate_history as evaluate_history
