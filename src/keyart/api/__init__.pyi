from keyart.api.results import (
    Evaluation as Evaluation,
    Explanation as Explanation,
    Recommendation as Recommendation,
    SearchHits as SearchHits,
)
from keyart.api.run import Run as Run, compare as compare, load as load
from keyart.api.train_run import train as train
