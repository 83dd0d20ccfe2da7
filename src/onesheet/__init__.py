"""onesheet: an embedding of movie posters, learned by deep metric learning from genres as weak labels."""

__version__ = "0.1.0"
