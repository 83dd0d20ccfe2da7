from keyart.retrieval.diversity import diversify as diversify
from keyart.retrieval.engines.base import (
    Engine as Engine,
    RowEngine as RowEngine,
)
from keyart.retrieval.engines.registry import (
    choose_engine as choose_engine,
    find_engine as find_engine,
)
from keyart.retrieval.explanation.gradients import (
    Attributions as Attributions,
    integrated_gradients as integrated_gradients,
)
from keyart.retrieval.explanation.pair import (
    CELL as CELL,
    Explanation as Explanation,
    PosterAttribution as PosterAttribution,
    explain_pair as explain_pair,
)
from keyart.retrieval.explanation.resampling import resample as resample
from keyart.retrieval.index import PosterIndex as PosterIndex
from keyart.retrieval.search import Hits as Hits
from keyart.retrieval.searchable import Searchable as Searchable
