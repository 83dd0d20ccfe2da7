from keyart.retrieval.engines.base import (
    Engine as Engine,
)
from keyart.retrieval.engines.base import (
    RowEngine as RowEngine,
)
from keyart.retrieval.engines.registry import (
    ENGINES as ENGINES,
)
from keyart.retrieval.engines.registry import (
    choose_engine as choose_engine,
)
from keyart.retrieval.engines.registry import (
    find_engine as find_engine,
)
