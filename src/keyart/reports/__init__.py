"""Charts, pictures and pages: a run's report, a catalogue's card, a sweep's page.

What draws or writes for people to look at. The numbers come from `keyart.metrics` and `keyart.runs`.
"""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
