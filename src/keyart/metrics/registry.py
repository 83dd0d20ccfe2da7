"""The registry of retrieval metrics: one line each. Names are checked without importing torch."""

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from keyart.errors import InputError

if TYPE_CHECKING:
    from keyart.metrics.metric import Metric

METRICS = {
    "ndcg@K": "keyart.metrics.formulas.ndcg",
    "map": "keyart.metrics.formulas.average_precision",
    "map@r": "keyart.metrics.formulas.average_precision_at_r",
    "map@K": "keyart.metrics.formulas.average_precision_at_k",
    "precision@K": "keyart.metrics.formulas.precision",
    "recall@K": "keyart.metrics.formulas.recall",
    "precision@K/genre": "keyart.metrics.formulas.genre_precision",
    "precision@K/decade": "keyart.metrics.formulas.decade_precision",
}
"""The name of each metric, K for any cutoff from 1, and the function that declares it; K is its argument."""

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
"""The metrics that are computed where none are chosen."""

HEADLINE = ("ndcg@10", "map", "recall@1")
"""The metrics that are reported where there is room for few."""

MACRO = "_macro"
"""Suffix of the mean over the genres of a metric per genre."""

_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


def find_metrics(names: Sequence[str]) -> "list[Metric]":
    """Return the declarations of some metrics.

    Args:
        names: Names in `METRICS` with a number for K, or import paths of other declarations
            (``package.module.name``): a `Metric`, or a function without arguments that returns one.

    Raises:
        InputError: A name is unknown, an import path leads to no metric, or there are no names.

    Examples:
        >>> find_metrics(["recall@5"])[0].depth
        5
    """
    return [_declared(name, path, cutoff) for name, path, cutoff in _lookup(names)]


def result_names(names: Sequence[str]) -> list[str]:
    """Return the names of some metrics in results: as they are, or the name that an import path's metric declares.

    Only import paths are imported, so that names are checked at once.
    """
    return [_declared(name, path, k).name if name == path else name for name, path, k in _lookup(names)]


def import_paths(names: Iterable[str]) -> list[str]:
    """Return the names that are import paths: finding them runs code, so a file from elsewhere may not choose them.

    Examples:
        >>> import_paths(["map@r", "precision@10/genre", "my.metrics.hits"])
        ['my.metrics.hits']
    """
    return [name for name in names if _PATH.fullmatch(name)]


def computes(names: Sequence[str], key: str) -> bool:
    """Return whether some metrics may have a result of a name, also without near-duplicates or for one genre.

    Examples:
        >>> computes(["precision@10/genre"], "precision@10/genre/Drama/dedup"), computes(["map"], "map@r")
        (True, False)
    """
    key = key.removesuffix("/dedup")
    for name in result_names(names):
        per_genre = name.endswith("/genre")
        if key.startswith(f"{name}/") or key == name + MACRO if per_genre else key == name:
            return True
    return False


def headline(names: Iterable[str], first: str | None = None) -> tuple[str, ...]:
    """Return the metrics to report first: ``first`` and those of `HEADLINE` among ``names``, or the first name.

    Examples:
        >>> headline(["recall@1", "recall@5", "map"]), headline(["map@r", "map"], "map@r"), headline(["map@r"])
        (('map', 'recall@1'), ('map@r', 'map'), ('map@r',))
    """
    known = list(names)
    return tuple(name for name in dict.fromkeys((first, *HEADLINE)) if name in known) or tuple(known[:1])


def _lookup(names: Sequence[str]) -> Iterator[tuple[str, str, int | None]]:
    """Yield each name once, with the import path of its declaration and its cutoff."""
    if not names:
        raise InputError("metrics: none given; name at least one, or leave it out for the usual ones")
    for name in dict.fromkeys(names):
        for pattern, path in METRICS.items():
            if found := re.fullmatch(re.escape(pattern).replace("@K", r"@([1-9]\d{0,8})"), name):
                yield name, path, int(found[1]) if found.groups() else None
                break
        else:
            if not _PATH.fullmatch(name):
                near = difflib.get_close_matches(name, [*DEFAULT_METRICS, *METRICS], n=1)
                hint = f" (did you mean {near[0]}?)" if near else ""
                raise InputError(
                    f"metrics: {name!r} is unknown{hint}; choose among {', '.join(METRICS)},"
                    " or name your own as package.module.name"
                )
            yield name, name, None


def _declared(name: str, path: str, cutoff: int | None) -> "Metric":
    from keyart.metrics.metric import Metric

    module, _, attribute = path.rpartition(".")
    try:
        found = getattr(import_module(module), attribute)
        metric = found if isinstance(found, Metric) else found() if cutoff is None else found(cutoff)
    except (ImportError, AttributeError, TypeError) as error:
        raise InputError(f"metrics: {name!r} cannot be imported ({error}); name it as package.module.name") from None
    if not isinstance(metric, Metric):
        raise InputError(f"metrics: {name!r} is a {type(metric).__name__}; name a keyart.metrics.Metric")
    return metric
