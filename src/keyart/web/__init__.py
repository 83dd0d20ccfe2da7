"""The server and the page of ``keyart serve``: an HTTP API over finished runs, and a page that shows them.

Here belong routes, their security, thumbnails and the page's static files. What a route computes belongs to the rooms
below: `keyart.runs` answers searches, explanations, recommendations and comparisons, here as on the command line.
"""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
