"""Metrics by the names that people read."""

import re

BESIDE = ("chance", "frozen", "lift", "left_out")
"""What stands beside a metric in flat metrics, as the last part of its key."""

_KNOWN = {
    "ndcg": "nDCG",
    "map": "mAP",
    "map@r": "mAP@R",
    "precision": "Precision",
    "recall": "Recall",
    "genre_macro": "mean over genres",
    "decade": "same decade",
    "dedup": "without near-duplicates",
}


def metric_name(key: str) -> str:
    """A metric's name for people.

    Examples:
        >>> metric_name("ndcg@10"), metric_name("map@r"), metric_name("precision@10/genre/Sci-Fi")
        ('nDCG@10', 'mAP@R', 'Precision@10, Sci-Fi')
        >>> metric_name("precision@10/decade/dedup")
        'Precision@10, same decade, without near-duplicates'
    """
    return ", ".join(_part(part) for part in key.split("/") if part != "genre")


def is_genre(key: str) -> bool:
    """Whether a metric is one genre's, not their mean.

    Examples:
        >>> is_genre("precision@10/genre/Drama"), is_genre("precision@10/genre_macro")
        (True, False)
    """
    return "/genre/" in key


def is_variant(key: str) -> bool:
    """Whether a metric, named without its split, is of other vectors than the embedding: of a branch, or fewer numbers.

    Examples:
        >>> is_variant("branch/learned/ndcg@10"), is_variant("ndcg@10")
        (True, False)
    """
    return key.partition("/")[0] in ("branch", "without", "whole", "size")


def _part(part: str) -> str:
    if part in _KNOWN:
        return _KNOWN[part]
    head, at, k = part.partition("@")
    known = re.fullmatch(r"\d+", k) and _KNOWN.get(head)
    return f"{known}{at}{k}" if known else part
