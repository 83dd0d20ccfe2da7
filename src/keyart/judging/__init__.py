"""How good is an embedding: judged on a split of its run, or on posters that it has never seen."""

from keyart.judging.evaluate import evaluate_run
from keyart.judging.posters import Judged, embed_and_frozen, judge, open_posters

__all__ = ["Judged", "embed_and_frozen", "evaluate_run", "judge", "open_posters"]
