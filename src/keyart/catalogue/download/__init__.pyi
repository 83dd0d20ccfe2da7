from keyart.catalogue.download.addresses import (
    may_connect_anywhere as may_connect_anywhere,
    may_connect_publicly as may_connect_publicly,
)
from keyart.catalogue.download.download import (
    FetchResult as FetchResult,
    Missing as Missing,
    NotAPoster as NotAPoster,
    fetch as fetch,
)
from keyart.catalogue.download.failure import RequestLimits as RequestLimits
from keyart.catalogue.download.poster_store import PosterStore as PosterStore
from keyart.catalogue.download.requests import PosterRequest as PosterRequest, read_requests as read_requests
from keyart.catalogue.download.retry_policy import RetryPolicy as RetryPolicy
