from keyart.runs.evaluation.posters import (
    EmbeddedPosters as EmbeddedPosters,
    embed_and_frozen as embed_and_frozen,
    evaluate_embeddings as evaluate_embeddings,
    open_posters as open_posters,
)
from keyart.runs.evaluation.scores import Score as Score, collect_scores as collect_scores
