"""Exact retrieval metrics of embeddings with their chance levels; each poster searches all other posters."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from keyart.catalogue.relevance import POSITIVE_GAIN, Relevance
from keyart.metrics.exact_ranking import EXCLUDED, ExactScores, scoring_device, sort_rows, to_grid
from keyart.metrics.exclusion import Exclusion
from keyart.metrics.gallery import Labels, Tile, make_tile
from keyart.metrics.input_checks import decades_of, order_by_id
from keyart.metrics.names import DEFAULT_METRICS, MetricName, parse_metrics
from keyart.metrics.neighbours import search_grid
from keyart.metrics.result import RetrievalResult, mean_of, standard_error
from keyart.metrics.shortlist import PART, PARTS, Shortlists, bytes_per_query, worthwhile
from keyart.metrics.values import BY_MARKS, Columns, mark_values, top_values

# From this many neighbours, a partial sort of all keys is faster than FAISS.
_DEEP_K = 128
_BUDGET = {"cpu": 128 * 2**20, "cuda": 2**30}
# More queries per tile do not make the matrix product faster on a CPU.
_CPU_TILE = 256
_MACRO = "/genre_macro"


def evaluate_retrieval(
    embeddings: Tensor | np.ndarray,
    genres: Tensor | np.ndarray,
    ids: Sequence[str] | np.ndarray,
    *,
    relevance: Relevance,
    genre_names: Sequence[str],
    years: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    metrics: Sequence[str] = DEFAULT_METRICS,
    queries: np.ndarray | None = None,
    memory_budget: int | None = None,
    device: torch.device | str | None = None,
) -> RetrievalResult:
    r"""Evaluate embeddings by retrieval: each of N posters ranks the other N − 1 posters by cosine similarity.

    Let g be the gain between two genre sets. *Relevant* means g ≥ 0.5. A query ranks n rows; R of them are relevant:

    - ``ndcg@k``: Σ_{i ≤ k} g_i / log2(1 + i) over the same sum of the k largest gains in the whole gallery (Järvelin
      and Kekäläinen 2002, linear gain).
    - ``map``: (1/R) Σ_{relevant ranks i} (relevant among the first i) / i, over the full ranking.
    - ``map@r``: the same sum over ranks up to R only, over R (Musgrave et al. 2020).
    - ``map@k``: the same sum over ranks up to k, over R.
    - ``precision@k``: number of relevant rows among the k nearest, over k, also if the gallery has fewer than k rows.
    - ``recall@k``: 1 if any of the k nearest is relevant (the sense of metric learning), else 0.
    - ``precision@k/genre``: for each genre G, ``precision@k/genre/<G>`` over queries that have G; a row is relevant if
      it has G. ``precision@k/genre_macro`` is the mean of these values over the genres that have one.
    - ``precision@k/decade``, if years are known: a row is relevant if it is of the query's decade. A query of unknown
      year is left out; rows of unknown year stay in the ranking and are never relevant.

    Each metric leaves out the queries without relevant rows, and counts them. If ``groups`` contain near-duplicates,
    each metric is also computed as ``<metric>/dedup``, where the query's gallery leaves out its own group.

    The ranking is exact: scores have no rounding error (:mod:`keyart.metrics.exact_ranking`), and ties are broken by
    ascending id. So results do not depend on the device, the tile size or the order of rows. Memory grows linearly in
    N. If only the k nearest rows are needed, FAISS finds them. If ``map`` or ``map@r`` is requested, all metrics are
    computed from one ranking; a CPU ranks only as many rows as the metrics need (:mod:`keyart.metrics.shortlist`).

    Args:
        embeddings: (N, D) vectors of any length.
        genres: (N, G) multi-hot.
        ids: (N,) unique ids.
        relevance: Function that computes gains between genre sets.
        genre_names: (G,) names.
        years: (N,) float, NaN where unknown.
        groups: (N,) ids of near-duplicate groups; negative: in no group.
        metrics: Names of the metrics; see :func:`~keyart.metrics.names.parse_metrics`.
        queries: Positions of the rows used as queries; the gallery is always all rows. None: all.
        memory_budget: Bytes for tiles of the ranking, in addition to N · D · 4 for the vectors; None: 128 MiB, 1 GiB on
            CUDA.
        device: Device for the computation; None: that of ``embeddings``.

    Raises:
        InputError: Ids repeat, an embedding is not finite, there are no rows, or a metric is unknown.
        ValueError: Shapes do not match.

    Examples:
        >>> judgement = evaluate_retrieval(
        ...     np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]),
        ...     np.array([[1, 0], [1, 0], [0, 1]]),
        ...     ["a", "b", "c"],
        ...     relevance=Relevance("jaccard"),
        ...     genre_names=["Drama", "Comedy"],
        ...     metrics=["map"],
        ... )
        >>> judgement.summary["map"], judgement.chance["map"], judgement.left_out["map"]
        (1.0, 0.75, 1)
    """
    vectors = torch.as_tensor(embeddings)
    hot = np.asarray(genres.detach().cpu() if isinstance(genres, Tensor) else genres) != 0
    names = tuple(genre_names)
    order = order_by_id(vectors, hot, ids, names, years, groups)
    where = scoring_device(vectors.device if device is None else device)
    decades = decades_of(years, order)
    wanted = [m for m in parse_metrics(metrics) if m.kind != "decade" or decades is not None]
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    asked = np.arange(len(order)) if queries is None else np.asarray(queries, dtype=np.int64)
    task = _Task(
        to_grid(vectors, torch.from_numpy(order), where),
        Labels(hot[order], decades, relevance, where),
        wanted,
        names,
        _BUDGET[where.type] if memory_budget is None else memory_budget,
    )
    searching = place[asked]
    rows = np.arange(len(order))
    results = task.judge(searching, Exclusion(searching, rows))
    if groups is not None:
        results |= _without_duplicates(task, searching, np.asarray(groups)[order], results)
    return _summarise(results, hot[asked], names, np.asarray(ids, dtype=object)[asked], len(order))


class _Task:
    """The evaluation of one gallery, ordered by id."""

    def __init__(
        self, grid: Tensor, labels: Labels, metrics: list[MetricName], names: tuple[str, ...], memory_budget: int
    ) -> None:
        self.grid = grid
        self.labels = labels
        self.metrics = metrics
        self.names = names
        self.memory_budget = memory_budget
        self.scores = ExactScores(grid)
        self.k = min(max(m.k for m in metrics), len(grid))
        self.ideal = max((m.k for m in metrics if m.kind == "ndcg"), default=0)
        kinds = {m.kind for m in metrics}
        self.whole = "full_map" in kinds
        self.deep = self.whole or "map@r" in kinds or self.k > _DEEP_K
        # The ranks up to which metrics need positions, not only relevance marks.
        self.top = min(max((m.k for m in metrics if m.kind not in BY_MARKS), default=0), len(grid))
        self.lists: Shortlists | None = None
        if self.deep and not self.whole and grid.device.type == "cpu":
            self.depth = max(self.k, labels.most_relevant(), 1)
            if worthwhile(len(grid), self.depth):
                lists = Shortlists(self.scores)
                self.lists = lists if lists.usable else None

    def judge(self, queries: np.ndarray, exclusion: Exclusion) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Compute (Q,) values and (Q,) chance levels of each metric, NaN where a query is left out."""
        found: dict[str, tuple[Tensor, Tensor]] = {}
        near = None
        if not self.deep:
            rows = torch.from_numpy(queries).to(self.grid.device)
            near = search_grid(
                self.grid[rows], self.grid, self.k, exclude=exclusion, memory_budget=self.memory_budget
            ).positions
        for at in self._tiles(queries):
            tile = make_tile(self.labels, queries[at], at, exclusion, self.ideal)
            into = torch.from_numpy(at).to(self.grid.device)
            for name, pair in self._columns(tile, None if near is None else near[into]).items():
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
        row = sets * 64 + self.top * (64 + 2 * len(self.names))
        if self.lists is not None:
            row += bytes_per_query(n, self.depth)
        elif self.deep:
            row += self._row_bytes()
        size = max(1, self.memory_budget // row)
        if self.grid.device.type == "cpu":
            size = min(size, _CPU_TILE if self.lists is None else PARTS * PART * torch.get_num_threads())
        for start in range(0, len(order), size):
            yield order[start : start + size]

    def _columns(self, tile: Tile, near: Tensor | None) -> Columns:
        if near is not None:
            return top_values(self.metrics, self.labels, tile, near, self.names)
        keys = self._ranked(tile)
        columns = mark_values(self.metrics, tile, keys)
        if self.top:
            top = self.scores.positions(keys[:, : self.top])
            others = [m for m in self.metrics if m.kind not in BY_MARKS]
            columns |= top_values(others, self.labels, tile, top, self.names)
        return columns

    def _ranked(self, tile: Tile) -> Tensor:
        """Return (T, depth) keys of the nearest rows, nearest first, as deep as the metrics need."""
        marks = (tile.gains >= POSITIVE_GAIN).to(torch.uint8)[:, self.labels.set_of]
        depth = len(self.grid)
        if not self.whole:
            depth = min(depth, max(self.k, int(tile.relevant.max()), 1))
        if self.lists is None:
            return self._all_ranked(tile.queries, (marks, tile.rows), tile.hidden, depth)
        keys, sure = self.lists.nearest(tile.queries, (marks, tile.rows), tile.hidden, depth, self.top)
        unsure = np.flatnonzero(~sure)
        step = max(1, self.memory_budget // self._row_bytes())
        for start in range(0, len(unsure), step):
            at = torch.from_numpy(unsure[start : start + step])
            place = torch.full((len(sure),), -1).scatter_(0, at, torch.arange(len(at)))
            row = place[tile.hidden[0]]
            hidden = row[row >= 0], tile.hidden[1][row >= 0]
            keys[at] = self._all_ranked(tile.queries[at], (marks, tile.rows[at]), hidden, depth)
        return keys

    def _all_ranked(
        self, queries: Tensor, marks: tuple[Tensor, Tensor], hidden: tuple[Tensor, Tensor], depth: int
    ) -> Tensor:
        keys = self.scores.keys(self.grid[queries], marks)
        keys[hidden] = EXCLUDED
        return sort_rows(keys, depth)

    def _row_bytes(self) -> int:
        """Return the working memory in bytes to rank all rows for one query."""
        return len(self.grid) * (10 if self.grid.device.type == "cpu" else 42)


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
    again = task.judge(queries[grouped], Exclusion(labels[queries[grouped]], labels)) if len(grouped) else {}
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
        summary[name], chance[name] = mean_of(values), mean_of(expected)
        errors[name] = standard_error(values - expected)
        per_query[name] = values
        head, family, genre = name.partition("/genre/")
        bare = genre.removesuffix("/dedup")
        eligible = has[bare] if family else len(values)
        left_out[name] = eligible - int(np.isfinite(values).sum())
        if family:
            families.setdefault(head + _MACRO + genre[len(bare) :], []).append(name)
    for macro, members in families.items():
        summary[macro] = mean_of(np.array([summary[m] for m in members]))
        chance[macro] = mean_of(np.array([chance[m] for m in members]))
        errors[macro] = standard_error(np.stack([results[m][0] - results[m][1] for m in members], axis=1))
        counted = np.any([np.isfinite(per_query[m]) for m in members], axis=0)
        left_out[macro] = len(counted) - int(counted.sum())
    return RetrievalResult(ids, len(ids), gallery, summary, chance, errors, left_out, per_query)
