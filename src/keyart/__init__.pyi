from keyart import losses as losses
from keyart import metrics as metrics
from keyart.api.run import Run as Run
from keyart.api.run import compare as compare
from keyart.api.run import load as load
from keyart.api.train_run import train as train
from keyart.errors import InputError as InputError
from keyart.models.embedder import Embedder as Embedder
from keyart.models.embedder import load_embedder as load_embedder

__version__: str
