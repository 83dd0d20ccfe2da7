from keyart.catalogue.catalogue import Catalogue as Catalogue
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
from keyart.catalogue.history import History as History
from keyart.catalogue.history import MatchedHistory as MatchedHistory
from keyart.catalogue.history import read_history as read_history
from keyart.catalogue.problems import Problem as Problem
from keyart.catalogue.problems import problems_table as problems_table
from keyart.catalogue.problems import summarise as summarise
from keyart.catalogue.reader import read_catalogue as read_catalogue
from keyart.catalogue.relevance import (
    POSITIVE_GAIN as POSITIVE_GAIN,
)
from keyart.catalogue.relevance import (
    Relevance as Relevance,
)
from keyart.catalogue.relevance import (
    check_learnable as check_learnable,
)
from keyart.catalogue.relevance import (
    distinct_sets as distinct_sets,
)
from keyart.catalogue.relevance import (
    negative_mask as negative_mask,
)
from keyart.catalogue.relevance import (
    positive_mask as positive_mask,
)
from keyart.catalogue.splits import SPLITS as SPLITS
from keyart.catalogue.splits import make_splits as make_splits
