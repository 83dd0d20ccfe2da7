"""Display names and classification of metrics."""

import re

BESIDE = ("chance", "frozen", "lift", "left_out")
"""Suffixes of a metric's key in flat metrics for its additional values."""

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
    """Return a metric's display name.

    Examples:
        >>> metric_name("ndcg@10"), metric_name("map@r"), metric_name("precision@10/genre/Sci-Fi")
        ('nDCG@10', 'mAP@R', 'Precision@10, Sci-Fi')
        >>> metric_name("precision@10/decade/dedup")
        'Precision@10, same decade, without near-duplicates'
    """
    return ", ".join(_part(part) for part in key.split("/") if part != "genre")


def is_genre(key: str) -> bool:
    """Return whether a metric is that of one genre, not the mean over genres.

    Examples:
        >>> is_genre("precision@10/genre/Drama"), is_genre("precision@10/genre_macro")
        (True, False)
    """
    return "/genre/" in key


def is_variant(key: str) -> bool:
    """Return whether a metric (without its split) is that of other vectors than the embedding.

    Such vectors are those of a branch, or of fewer dimensions.

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
