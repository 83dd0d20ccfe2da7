"""The Python API: a finished run with its methods, their results, and training. The package `keyart` exports it.

Thin methods and the display of results belong here. What they compute is in the rooms below, and the console command
calls these methods too.
"""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
