"""keyart: an embedding of movie posters, learned by deep metric learning from genres as weak labels."""

import os

from keyart.utils.lazy import attach_stub

# OpenMP's threads spin while they wait: on busy cores (sweeps, shared nodes, CI) each then waits for a spinning other,
# and training slows down ten-fold. It is read when torch is loaded; what a person has set stays.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
