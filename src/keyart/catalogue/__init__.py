"""What there is: tables of posters, their genres, relevance and splits."""

from typing import TYPE_CHECKING, Any

from keyart.catalogue.catalogue import Catalogue
from keyart.catalogue.history import History, Matched, read_history
from keyart.catalogue.problems import Problem, problems_table, summarise
from keyart.catalogue.read import read_catalogue
from keyart.catalogue.splits import SPLITS, make_splits

if TYPE_CHECKING:
    from keyart.catalogue.relevance import (
        POSITIVE_GAIN,
        Relevance,
        check_learnable,
        distinct_sets,
        negative_mask,
        positive_mask,
    )

__all__ = [
    "POSITIVE_GAIN",
    "SPLITS",
    "Catalogue",
    "History",
    "Matched",
    "Problem",
    "Relevance",
    "check_learnable",
    "distinct_sets",
    "make_splits",
    "negative_mask",
    "positive_mask",
    "problems_table",
    "read_catalogue",
    "read_history",
    "summarise",
]


def __getattr__(name: str) -> Any:
    # What works on tensors is imported when it is asked for: reading a table needs no torch.
    if name in __all__:
        from keyart.catalogue import relevance

        return getattr(relevance, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
