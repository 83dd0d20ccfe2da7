"""The card of a catalogue: how complex, how clean and how well labelled its posters are."""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
