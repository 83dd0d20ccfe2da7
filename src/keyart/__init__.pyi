from keyart import losses as losses, metrics as metrics
from keyart.api.run import Run as Run, compare as compare, load as load
from keyart.api.train_run import train as train
from keyart.errors import InputError as InputError
from keyart.models.embedder import Embedder as Embedder, load_embedder as load_embedder

__version__: str
