"""The dataset card: complexity, cleanliness and label quality of a catalogue's posters."""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
