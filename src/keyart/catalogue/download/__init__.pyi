from keyart.catalogue.download.addresses import (
    may_connect_anywhere as may_connect_anywhere,
)
from keyart.catalogue.download.addresses import (
    may_connect_publicly as may_connect_publicly,
)
from keyart.catalogue.download.download import (
    FetchResult as FetchResult,
)
from keyart.catalogue.download.download import (
    Missing as Missing,
)
from keyart.catalogue.download.download import (
    NotAPoster as NotAPoster,
)
from keyart.catalogue.download.download import (
    fetch as fetch,
)
from keyart.catalogue.download.failure import RequestLimits as RequestLimits
from keyart.catalogue.download.poster_store import PosterStore as PosterStore
from keyart.catalogue.download.requests import PosterRequest as PosterRequest
from keyart.catalogue.download.requests import read_requests as read_requests
from keyart.catalogue.download.retry_policy import RetryPolicy as RetryPolicy
