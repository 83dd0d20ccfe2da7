from keyart.retrieval.engines.faiss_engine import (
    Engine as Engine,
)
from keyart.retrieval.engines.faiss_engine import (
    build_engine as build_engine,
)
from keyart.retrieval.engines.faiss_engine import (
    choose_kind as choose_kind,
)
