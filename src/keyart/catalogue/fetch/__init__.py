"""Fetching the posters that a table names, from a column of URLs or from TMDB, into one folder."""

from keyart.catalogue.fetch.addresses import may_connect_anywhere, may_connect_publicly
from keyart.catalogue.fetch.download import Fetched, Missing, NotAPoster, fetch
from keyart.catalogue.fetch.failure import Limits
from keyart.catalogue.fetch.patience import Patience
from keyart.catalogue.fetch.store import PosterStore
from keyart.catalogue.fetch.wanted import Wanted, wanted_posters

__all__ = [
    "Fetched",
    "Limits",
    "Missing",
    "NotAPoster",
    "Patience",
    "PosterStore",
    "Wanted",
    "fetch",
    "may_connect_anywhere",
    "may_connect_publicly",
    "wanted_posters",
]
