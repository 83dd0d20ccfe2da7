from keyart.api.results import Evaluation as Evaluation
from keyart.api.results import Explanation as Explanation
from keyart.api.results import Recommendation as Recommendation
from keyart.api.results import SearchHits as SearchHits
from keyart.api.run import Run as Run
from keyart.api.run import compare as compare
from keyart.api.run import load as load
from keyart.api.train_run import train as train
