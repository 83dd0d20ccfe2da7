"""Metrics of other vectors of the same posters: single branches of a head, heads without a branch, fewer dimensions."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from keyart.errors import InputError
from keyart.metrics.registry import headline
from keyart.metrics.result import RetrievalResult, merge_frozen
from keyart.models.heads.base import Head
from keyart.models.heads.reduced import ReducedHead

Evaluator = Callable[[np.ndarray, Sequence[str]], RetrievalResult]
"""Function from (Q, D) vectors of the posters and names of metrics to the retrieval result."""


def branch_metrics(
    head: Head, whole: np.ndarray, evaluate: Evaluator, frozen: RetrievalResult, split: str
) -> dict[str, float | None]:
    """Evaluate each branch of a head alone, and the head without it.

    A branch alone is its columns of the head's output, L2-normalised. The head without it is all other columns, with
    their own weights, normalised again. Nothing is retrained. If the head reduces its output to fewer dimensions, the
    whole output is evaluated too.

    Args:
        head: The head; a head with one branch has no branch metrics.
        whole: (Q, W) outputs of `Head.whole` for the posters of a split.
        evaluate: Evaluates vectors of these posters.
        frozen: Result of the frozen backbone on the same posters.
        split: Name of the split.

    Returns:
        ``<split>/branch/<branch>/<metric>`` and ``<split>/without/<branch>/<metric>`` for the first two
        of `headline`, each with ``/lift``; for a reduced head ``<split>/whole/<metric>`` too.
    """
    vectors: dict[str, np.ndarray] = {}
    columns = head.branch_columns
    if len(columns) > 1:
        for name, span in columns.items():
            vectors[f"branch/{name}"] = whole[:, span]
            vectors[f"without/{name}"] = np.delete(whole, span, axis=1)
    if isinstance(head, ReducedHead):
        vectors["whole"] = whole
    return variant_metrics(vectors, evaluate, frozen, split)


def size_metrics(
    embeddings: np.ndarray, sizes: Sequence[int], evaluate: Evaluator, frozen: RetrievalResult, split: str
) -> dict[str, float | None]:
    """Evaluate the leading dimensions of embeddings: ``<split>/size/<size>/<metric>``, each with ``/lift``."""
    return variant_metrics({f"size/{size}": embeddings[:, :size] for size in sizes}, evaluate, frozen, split)


def check_sizes(head: Head, sizes: Sequence[int]) -> None:
    """Check that embeddings can be cut to some numbers of leading dimensions.

    Raises:
        InputError: The dimensions are not sorted by importance, or there are fewer.
    """
    if not sizes:
        return
    typed = ",".join(map(str, sizes))
    if not isinstance(head, ReducedHead):
        raise InputError(
            f"the run's embeddings are not sorted by importance; train it with model.output_size={max(sizes)} or more",
            parameter="sizes",
            value=typed,
        )
    if not all(1 <= size <= head.embedding_size for size in sizes):
        raise InputError(
            f"the run's embeddings have {head.embedding_size} numbers; choose from 1 to that",
            parameter="sizes",
            value=typed,
        )


def variant_metrics(
    vectors: Mapping[str, np.ndarray], evaluate: Evaluator, frozen: RetrievalResult, split: str
) -> dict[str, float | None]:
    """Evaluate other vectors of a split's posters with the headline metrics.

    Returns:
        ``<split>/<name>/<metric>``, each with ``/lift``.
    """
    found: dict[str, float | None] = {}
    metrics = headline(frozen.summary)[:2]
    for name, rows in vectors.items():
        flat = merge_frozen(evaluate(rows, metrics), frozen, split)
        for metric in metrics:
            found |= {f"{split}/{name}/{metric}{end}": flat[f"{split}/{metric}{end}"] for end in ("", "/lift")}
    return found
