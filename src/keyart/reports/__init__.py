"""Charts, pictures and HTML pages: the run report, the dataset card and the sweep report.

This package draws figures and writes pages. The numbers come from `keyart.metrics` and `keyart.runs`.
"""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
