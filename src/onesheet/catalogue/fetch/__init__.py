"""Fetching the posters that a table names, from a column of URLs or from TMDB, into one folder."""

from onesheet.catalogue.fetch.addresses import may_connect_anywhere, may_connect_publicly
from onesheet.catalogue.fetch.download import Fetched, Missing, NotAPoster, fetch
from onesheet.catalogue.fetch.failure import Limits
from onesheet.catalogue.fetch.patience import Patience
from onesheet.catalogue.fetch.store import PosterStore
from onesheet.catalogue.fetch.wanted import Wanted, wanted_posters

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
