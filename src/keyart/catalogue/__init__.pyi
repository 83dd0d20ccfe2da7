from keyart.catalogue.catalogue import Catalogue as Catalogue
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
from keyart.catalogue.history import History as History, MatchedHistory as MatchedHistory, read_history as read_history
from keyart.catalogue.problems import Problem as Problem, problems_table as problems_table, summarise as summarise
from keyart.catalogue.reader import read_catalogue as read_catalogue
from keyart.catalogue.relevance import (
    POSITIVE_GAIN as POSITIVE_GAIN,
    Relevance as Relevance,
    check_learnable as check_learnable,
    distinct_sets as distinct_sets,
    negative_mask as negative_mask,
    positive_mask as positive_mask,
)
from keyart.catalogue.splits import SPLITS as SPLITS, make_splits as make_splits
