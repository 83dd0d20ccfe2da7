from keyart.retrieval.diversity import diversify as diversify
from keyart.retrieval.engines.base import (
    Engine as Engine,
)
from keyart.retrieval.engines.base import (
    RowEngine as RowEngine,
)
from keyart.retrieval.engines.registry import (
    choose_engine as choose_engine,
)
from keyart.retrieval.engines.registry import (
    find_engine as find_engine,
)
from keyart.retrieval.explanation.gradients import (
    Attributions as Attributions,
)
from keyart.retrieval.explanation.gradients import (
    integrated_gradients as integrated_gradients,
)
from keyart.retrieval.explanation.pair import (
    CELL as CELL,
)
from keyart.retrieval.explanation.pair import (
    Explanation as Explanation,
)
from keyart.retrieval.explanation.pair import (
    PosterAttribution as PosterAttribution,
)
from keyart.retrieval.explanation.pair import (
    explain_pair as explain_pair,
)
from keyart.retrieval.explanation.resampling import resample as resample
from keyart.retrieval.index import PosterIndex as PosterIndex
from keyart.retrieval.search import Hits as Hits
from keyart.retrieval.search import search_index as search_index
from keyart.retrieval.searchable import Searchable as Searchable
from keyart.retrieval.titles import find_title as find_title
