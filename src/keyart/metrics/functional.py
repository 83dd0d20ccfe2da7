"""Exact retrieval metrics of embeddings with their chance levels; each poster searches all other posters."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from keyart.catalogue.relevance import POSITIVE_GAIN, Relevance, RelevanceKind
from keyart.metrics.exact_ranking import EXCLUDED, ExactScores, scoring_device, sort_rows, to_grid
from keyart.metrics.exclusion import Exclusion
from keyart.metrics.gallery import Labels, Tile, make_tile
from keyart.metrics.input_checks import as_multi_hot, decades_of, order_by_id
from keyart.metrics.metric import Metric
from keyart.metrics.neighbours import DEEP_K, search_grid
from keyart.metrics.ranking import Ranking, keys_of
from keyart.metrics.registry import DEFAULT_METRICS, MACRO, find_metrics
from keyart.metrics.result import RetrievalResult, nan_mean, standard_error

_BUDGET = {"cpu": 128 * 2**20, "cuda": 2**30}
# More queries per tile do not make the matrix product faster on a CPU.
_CPU_TILE = 256


def evaluate_retrieval(
    embeddings: Tensor | np.ndarray,
    genres: Tensor | np.ndarray,
    ids: Sequence[str] | np.ndarray | None = None,
    *,
    relevance: RelevanceKind | Relevance = "jaccard",
    genre_names: Sequence[str] | None = None,
    years: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    metrics: Sequence[str] = DEFAULT_METRICS,
    queries: np.ndarray | None = None,
    memory_budget: int | None = None,
    device: torch.device | str | None = None,
) -> RetrievalResult:
    r"""Evaluate embeddings by retrieval: each of N posters ranks the other N − 1 posters by cosine similarity.

    Let g be the gain between two genre sets. *Relevant* means g ≥ 0.5, unless a metric says otherwise. The registry
    (:mod:`keyart.metrics.registry`) names all metrics, :mod:`keyart.metrics.formulas` defines them. A metric per genre
    has one result for each genre G, such as ``precision@10/genre/<G>``, and ``precision@10/genre_macro``, the mean over
    the genres that have a value. Metrics of decades are computed where years are known.

    Each metric leaves out the queries without relevant rows, and counts them. If ``groups`` contain near-duplicates,
    each metric is also computed as ``<metric>/dedup``, where the query's gallery leaves out its own group.

    The ranking is exact: scores have no rounding error (:mod:`keyart.metrics.exact_ranking`), and ties are broken by
    ascending id. So results do not depend on the device, the tile size or the order of rows. Memory grows linearly in
    N. Metrics that read few ranks are computed from the nearest rows alone (:mod:`keyart.metrics.neighbours`), all
    others together from one ranking, as deep as the deepest of them needs.

    Args:
        embeddings: (N, D) vectors of any length.
        genres: (N, G) multi-hot labels, or (N,) class numbers.
        ids: (N,) unique ids; None: the positions.
        relevance: Gains between genre sets: a kind, whose weights are fitted to ``genres``, or a function.
        genre_names: (G,) names; None: the columns' numbers, or the classes'.
        years: (N,) float, NaN where unknown.
        groups: (N,) ids of near-duplicate groups; negative: in no group.
        metrics: Names of the metrics; see :func:`~keyart.metrics.registry.find_metrics`.
        queries: Positions of the rows used as queries; the gallery is always all rows. None: all.
        memory_budget: Bytes for tiles of the ranking, in addition to N · D · 4 for the vectors; None: 128 MiB, 1 GiB on
            CUDA.
        device: Device for the computation; None: that of ``embeddings``.

    Raises:
        InputError: Ids repeat, an embedding is not finite, there are no rows, or a metric is unknown.
        ValueError: Shapes do not match.

    Examples:
        >>> result = evaluate_retrieval(
        ...     np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]),
        ...     np.array([[1, 0], [1, 0], [0, 1]]),
        ...     ["a", "b", "c"],
        ...     relevance=Relevance("jaccard"),
        ...     genre_names=["Drama", "Comedy"],
        ...     metrics=["map"],
        ... )
        >>> result.summary["map"], result.chance["map"], result.left_out["map"]
        (1.0, 0.75, 1)
    """
    vectors = torch.as_tensor(embeddings)
    hot, names, metrics = as_multi_hot(genres, genre_names, metrics)
    if ids is None:
        ids = [f"{at:09d}" for at in range(len(vectors))]
    if isinstance(relevance, str):
        relevance = Relevance.fit(relevance, hot)
    order = order_by_id(vectors, hot, ids, names, years, groups)
    where = scoring_device(vectors.device if device is None else device)
    decades = decades_of(years, order)
    chosen = find_metrics(metrics)
    labels = Labels(hot[order], decades, relevance, where)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    asked = np.arange(len(order)) if queries is None else np.asarray(queries, dtype=np.int64)
    task = _Task(
        to_grid(vectors, torch.from_numpy(order), where),
        labels,
        [metric for metric in chosen if metric.relevance.known(labels)],
        names,
        _BUDGET[where.type] if memory_budget is None else memory_budget,
    )
    searching = place[asked]
    rows = np.arange(len(order))
    results = task.evaluate(searching, Exclusion(searching, rows))
    if groups is not None:
        results |= _without_duplicates(task, searching, np.asarray(groups)[order], results)
    return _summarise(results, hot[asked], names, np.asarray(ids, dtype=object)[asked], len(order))


class _Task:
    """The evaluation of one gallery, ordered by id."""

    def __init__(
        self, grid: Tensor, labels: Labels, metrics: list[Metric], names: tuple[str, ...], memory_budget: int
    ) -> None:
        self.grid = grid
        self.labels = labels
        self.metrics = metrics
        self.names = names
        self.memory_budget = memory_budget
        self.scores = ExactScores(grid)
        self.depths = {metric.depth for metric in metrics}
        self.k = min(max((depth for depth in self.depths if isinstance(depth, int)), default=1), len(grid))
        self.deep = self.k > DEEP_K or any(isinstance(depth, str) for depth in self.depths)

    def evaluate(self, queries: np.ndarray, exclusion: Exclusion) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Compute (Q,) values and (Q,) chance levels of each metric, NaN where a query is left out."""
        found: dict[str, tuple[Tensor, Tensor]] = {}
        near = None
        if not self.deep:
            rows = torch.from_numpy(queries).to(self.grid.device)
            near = search_grid(
                self.grid[rows], self.grid, self.k, exclude=exclusion, memory_budget=self.memory_budget
            ).positions
        for at in self._tiles(queries):
            tile = make_tile(self.labels, queries[at], at, exclusion)
            into = torch.from_numpy(at).to(self.grid.device)
            keys = self._ranked(tile) if near is None else keys_of(near[into], tile, self.labels)
            for name, pair in self._columns(tile, keys):
                if name not in found:
                    empty = torch.full((len(queries),), torch.nan, dtype=torch.float64, device=into.device)
                    found[name] = empty, empty.clone()
                for column, part in zip(found[name], pair, strict=True):
                    column[into] = part
        return {name: (a.cpu().numpy(), b.cpu().numpy()) for name, (a, b) in found.items()}

    def _tiles(self, queries: np.ndarray) -> Iterator[np.ndarray]:
        """Yield positions among the queries in tiles that fit the memory budget, ordered by genre set."""
        order = np.argsort(self.labels.set_of_host[queries], kind="stable")
        n, sets = len(self.grid), len(self.labels.sets)
        row = sets * 64 + self.k * (64 + 2 * len(self.names))
        if self.deep:
            row += n * (10 if self.grid.device.type == "cpu" else 42)
        size = max(1, self.memory_budget // row)
        if self.grid.device.type == "cpu":
            size = min(size, _CPU_TILE)
        for start in range(0, len(order), size):
            yield order[start : start + size]

    def _columns(self, tile: Tile, keys: Tensor) -> Iterator[tuple[str, tuple[Tensor, Tensor]]]:
        """Yield the name, the (T,) values and the (T,) chance levels of each column."""
        rankings: dict[type[Ranking], Ranking] = {}
        for metric in self.metrics:
            kind = metric.relevance
            if kind not in rankings:
                rankings[kind] = kind(self.labels, tile, self.scores, keys, self.depths)
            ranking = rankings[kind]
            left_out = ~(ranking.relevant > 0)
            value, expected = (
                terms.to(torch.float64).masked_fill(left_out, torch.nan)
                for terms in (metric.value(ranking), metric.chance(ranking))
            )
            if not kind.per_genre:
                yield metric.name, (value, expected)
                continue
            for at, genre in enumerate(self.names):
                yield f"{metric.name}/{genre}", (value[:, at], expected[:, at])

    def _ranked(self, tile: Tile) -> Tensor:
        """Return (T, depth) keys of the nearest rows, nearest first, as deep as the metrics need."""
        marks = (tile.gains >= POSITIVE_GAIN).to(torch.uint8)[:, self.labels.set_of]
        depth = len(self.grid)
        if "all" not in self.depths:
            relevant = int(tile.relevant.max()) if "relevant" in self.depths else 0
            depth = min(depth, max(self.k, relevant, 1))
        keys = self.scores.keys(self.grid[tile.queries], (marks, tile.rows))
        keys[tile.excluded] = EXCLUDED
        return sort_rows(keys, depth)


def _without_duplicates(
    task: _Task, queries: np.ndarray, groups: np.ndarray, plain: dict[str, tuple[np.ndarray, np.ndarray]]
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Compute the metrics without each query's near-duplicates; only queries that have some are ranked again."""
    alone = groups < 0
    _, labels, sizes = np.unique(
        np.where(alone, groups.max() + 1 + np.arange(len(groups)), groups), return_inverse=True, return_counts=True
    )
    if sizes.max() < 2:
        return {}
    grouped = np.flatnonzero(sizes[labels[queries]] > 1)
    again = task.evaluate(queries[grouped], Exclusion(labels[queries[grouped]], labels)) if len(grouped) else {}
    results = {}
    for name, pair in plain.items():
        columns = tuple(column.copy() for column in pair)
        for column, part in zip(columns, again.get(name, ()), strict=False):
            column[grouped] = part
        results[f"{name}/dedup"] = columns[0], columns[1]
    return results


def _summarise(
    results: dict[str, tuple[np.ndarray, np.ndarray]],
    hot: np.ndarray,
    names: tuple[str, ...],
    ids: np.ndarray,
    gallery: int,
) -> RetrievalResult:
    """Average each metric over the queries that it counts, and count the queries that it leaves out."""
    summary, chance, errors, left_out, per_query = {}, {}, {}, {}, {}
    families: dict[str, list[str]] = {}
    has = {genre: int(hot[:, i].sum()) for i, genre in enumerate(names)}
    for name, (values, expected) in results.items():
        summary[name], chance[name] = nan_mean(values), nan_mean(expected)
        errors[name] = standard_error(values - expected)
        per_query[name] = values
        head, family, genre = name.partition("/genre/")
        bare = genre.removesuffix("/dedup")
        eligible = has[bare] if family else len(values)
        left_out[name] = eligible - int(np.isfinite(values).sum())
        if family:
            families.setdefault(f"{head}/genre{MACRO}{genre[len(bare) :]}", []).append(name)
    for macro, members in families.items():
        summary[macro] = nan_mean(np.array([summary[m] for m in members]))
        chance[macro] = nan_mean(np.array([chance[m] for m in members]))
        errors[macro] = standard_error(np.stack([results[m][0] - results[m][1] for m in members], axis=1))
        counted = np.any([np.isfinite(per_query[m]) for m in members], axis=0)
        left_out[macro] = len(counted) - int(counted.sum())
    return RetrievalResult(ids, len(ids), gallery, summary, chance, errors, left_out, per_query)
