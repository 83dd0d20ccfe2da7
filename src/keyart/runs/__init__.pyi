from keyart.runs.evaluate import evaluate_run as evaluate_run
from keyart.runs.evaluation.posters import (
    EmbeddedPosters as EmbeddedPosters,
)
from keyart.runs.evaluation.posters import (
    embed_and_frozen as embed_and_frozen,
)
from keyart.runs.evaluation.posters import (
    evaluate_embeddings as evaluate_embeddings,
)
from keyart.runs.evaluation.posters import (
    open_posters as open_posters,
)
from keyart.runs.evaluation.scores import Score as Score
from keyart.runs.evaluation.scores import collect_scores as collect_scores
from keyart.runs.export import TARGETS as TARGETS
from keyart.runs.export import export_run as export_run
from keyart.runs.history_evaluation import evaluate_history as evaluate_history
