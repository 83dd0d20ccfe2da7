from keyart.retrieval.engines.base import (
    Engine as Engine,
    RowEngine as RowEngine,
)
from keyart.retrieval.engines.registry import (
    ENGINES as ENGINES,
    choose_engine as choose_engine,
    find_engine as find_engine,
)
