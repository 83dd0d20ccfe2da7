"""Names of retrieval metrics, and their parser."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from keyart.errors import InputError

DEFAULT_METRICS = (
    "ndcg@10",
    "map",
    "map@r",
    "precision@10",
    "recall@1",
    "recall@5",
    "recall@10",
    "precision@10/genre",
    "precision@10/decade",
)

_WITH_K = re.compile(r"(ndcg|precision|recall|map)@([1-9]\d{0,8})")
_FAMILY = re.compile(r"(precision)@([1-9]\d{0,8})/(genre|decade)")


@dataclass(frozen=True)
class MetricName:
    """One metric, or one family of them (``precision@10/genre``).

    Attributes:
        text: The full name.
        kind: ``ndcg``, ``precision``, ``recall``, ``map`` (with a cutoff: ``map@k``), ``full_map``, ``map@r``,
            ``genre`` or ``decade``.
        k: The cutoff; 0 where there is none.
    """

    text: str
    kind: str
    k: int


def parse_metrics(names: Sequence[str]) -> list[MetricName]:
    """Parse metric names.

    Args:
        names: Names of the forms ``ndcg@K``, ``precision@K``, ``recall@K``, ``map@K``, ``map``, ``map@r``,
            ``precision@K/genre`` and ``precision@K/decade``.

    Raises:
        InputError: A name has none of these forms, or there are no names.

    Examples:
        >>> parse_metrics(["recall@5"])
        [MetricName(text='recall@5', kind='recall', k=5)]
    """
    found: list[MetricName] = []
    for name in dict.fromkeys(names):
        if name in ("map", "map@r"):
            found.append(MetricName(name, "full_map" if name == "map" else name, 0))
        elif match := _WITH_K.fullmatch(name):
            found.append(MetricName(name, match[1], int(match[2])))
        elif match := _FAMILY.fullmatch(name):
            found.append(MetricName(name, match[3], int(match[2])))
        else:
            raise InputError(
                f"metrics: {name!r} is unknown; choose among ndcg@K, precision@K, recall@K, map@K, map, map@r,"
                " precision@K/genre, precision@K/decade"
            )
    if not found:
        raise InputError("metrics: none given; leave the argument away to get all of them")
    return found
