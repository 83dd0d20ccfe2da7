"""What a retrieval metric declares: its name, value, chance level and the depth of ranking that it needs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from keyart.metrics.ranking import Ranking

Depth = int | Literal["relevant", "all"]
"""The first k ranks, as many ranks as a query has relevant rows, or all ranks."""


@dataclass(frozen=True)
class Metric:
    """A retrieval metric: one number for each query, whose mean is reported.

    The evaluation leaves out the queries for which nothing is relevant; ``value`` and ``chance`` may return anything
    there.

    Attributes:
        name: The name in results, such as ``ndcg@10``.
        value: Function from the rankings of T queries to (T,) values; (T, G) with `GenreRanking`.
        chance: Function to the values' expectations under a random ranking, of the same shape.
        depth: The depth of ranking that ``value`` reads. Small depths are computed faster.
        relevance: Which rows are relevant: `Ranking` for those of gain ≥ 0.5, `GenreRanking` for those that have a
            genre of the query (the name then ends in ``/genre``; the results are ``<name>/<genre>`` and their mean
            ``<name>_macro``), `DecadeRanking` for those of its decade.

    Examples:
        >>> metric = Metric("hits@3", lambda r: r.hits(3).sum(1), lambda r: 3 * r.relevant / r.n, depth=3)
    """

    name: str
    value: Callable[[Ranking], Tensor]
    chance: Callable[[Ranking], Tensor]
    depth: Depth
    relevance: type[Ranking] = Ranking
