"""Metrics of one tile of queries, with their chance levels, computed from its ranking."""

import numpy as np
import torch
from torch import Tensor

from keyart.catalogue.relevance import POSITIVE_GAIN
from keyart.metrics import chance
from keyart.metrics.exact_ranking import over_rows
from keyart.metrics.gallery import Labels, Tile
from keyart.metrics.names import MetricName

#: Per-query values and chance levels by metric; float64, NaN where a query is left out.
Columns = dict[str, tuple[Tensor, Tensor]]

#: Kinds of metrics that need only which ranks are relevant, not which rows they hold.
BY_MARKS = ("precision", "recall", "map", "map@r", "full_map")

_DENSE_ELEMENTS = 2**24


def top_values(names: list[MetricName], labels: Labels, tile: Tile, top: Tensor, genres: tuple[str, ...]) -> Columns:
    """Compute the metrics that need only the nearest rows, from their positions.

    Args:
        names: Requested metrics; those that need more than the nearest rows are skipped.
        labels: The gallery's labels.
        tile: The T queries.
        top: (T, K) int64 positions of the nearest rows, −1 where the gallery has fewer rows.
        genres: Names of the G genres.

    Returns:
        For each metric (T,) values and (T,) chance levels; one entry per genre, as ``precision@k/genre/<G>``.
    """
    there = top >= 0
    seen = top.clamp(min=0)
    gains = tile.gains[tile.rows[:, None], labels.set_of[seen]].masked_fill_(~there, 0.0)
    relevant = (gains >= POSITIVE_GAIN).to(torch.float64)
    counted = tile.relevant > 0
    out: Columns = {}
    for name in names:
        k, hits = name.k, relevant[:, : name.k]
        if name.kind == "ndcg":
            ideal = tile.ideal_dcg(k)
            dcg = (gains[:, :k].to(torch.float64) * chance.discounts(k, top.device)[: hits.shape[1]]).sum(dim=1)
            pair = dcg / ideal, chance.expected_ndcg(tile.gain_sum, ideal, tile.n, k)
        elif name.kind in ("precision", "recall"):
            pair = _of_hits(name, tile, hits)
        elif name.kind == "map":
            last = torch.full_like(tile.relevant, k)
            pair = _of_precision(name, tile, precision_sums(relevant.to(torch.int64), [last])[0])
        elif name.kind == "genre":
            out |= _genres(name, labels, tile, seen[:, :k], there[:, :k], genres)
            continue
        elif name.kind == "decade":
            out[name.text] = _decade(name, labels, tile, seen[:, :k], there[:, :k])
            continue
        else:
            continue
        out[name.text] = _keep(pair, counted)
    return out


def _keep(pair: tuple[Tensor, Tensor], counted: Tensor) -> tuple[Tensor, Tensor]:
    return pair[0].masked_fill(~counted, torch.nan), pair[1].masked_fill(~counted, torch.nan)


def _genres(
    name: MetricName, labels: Labels, tile: Tile, seen: Tensor, there: Tensor, genres: tuple[str, ...]
) -> Columns:
    """Compute the precision for each genre G, over queries that have G; a neighbour that has G is relevant."""
    hits = (labels.genres[seen] * there[:, :, None]).sum(dim=1, dtype=torch.float64)
    row, at = tile.hidden
    others = labels.genre_counts.expand(len(seen), -1).clone()
    others.index_add_(0, row, labels.genres[at].to(torch.float64), alpha=-1)
    expected = chance.expected_precision(others, tile.n[:, None], name.k)
    counted = (labels.genres[tile.queries] > 0) & (others > 0)
    values, expected = _keep((hits / name.k, expected), counted)
    return {f"{name.text}/{genre}": (values[:, i], expected[:, i]) for i, genre in enumerate(genres)}


def _decade(name: MetricName, labels: Labels, tile: Tile, seen: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the precision for the query's decade; rows of unknown year stay in the ranking and are never relevant."""
    if labels.decades is None:
        raise ValueError(f"{name.text}: the years are not known")
    own = labels.decades[tile.queries]
    hits = ((labels.decades[seen] == own[:, None]) & there).sum(dim=1, dtype=torch.float64)
    row, at = tile.hidden
    same = ((labels.decades[at] == own[row]) & (own[row] >= 0)).to(torch.float64)
    others = labels.decade_counts[tile.queries].index_add_(0, row, same, alpha=-1)
    counted = (own >= 0) & (others > 0)
    return _keep((hits / name.k, chance.expected_precision(others, tile.n, name.k)), counted)


def mark_values(names: list[MetricName], tile: Tile, keys: Tensor) -> Columns:
    """Compute the metrics of :data:`BY_MARKS`.

    Args:
        names: Requested metrics; others are skipped.
        tile: The T queries.
        keys: (T, depth) sorted keys whose lowest bit marks relevant rows; deep enough for the requested metrics.
    """
    counted = tile.relevant > 0
    summed = [name for name in names if name.kind in ("map", "map@r", "full_map")]
    depth = float(keys.shape[1])
    limits = [
        tile.relevant
        if name.kind == "map@r"
        else torch.full_like(tile.relevant, depth if name.kind == "full_map" else name.k)
        for name in summed
    ]
    out = {
        name.text: _of_precision(name, tile, total)
        for name, total in zip(summed, precision_sums(keys, limits), strict=True)
    }
    for name in names:
        if name.kind in ("precision", "recall"):
            out[name.text] = _of_hits(name, tile, (keys[:, : name.k] & 1).to(torch.float64))
    return {text: _keep(pair, counted) for text, pair in out.items()}


def _of_hits(name: MetricName, tile: Tile, hits: Tensor) -> tuple[Tensor, Tensor]:
    """Return the value and chance level of precision@k and recall@k from (T, k) float64, 1 where a rank is relevant."""
    if name.kind == "precision":
        return hits.sum(dim=1) / name.k, chance.expected_precision(tile.relevant, tile.n, name.k)
    return hits.amax(dim=1), chance.expected_recall(tile.relevant, tile.n, name.k)


def _of_precision(name: MetricName, tile: Tile, total: Tensor) -> tuple[Tensor, Tensor]:
    """Return the value and chance level of map@k, map@r and map from (T,) sums of precision at relevant ranks."""
    if name.kind == "map":
        expected = chance.expected_ap_at_k(tile.relevant, tile.n, name.k)
    elif name.kind == "map@r":
        expected = chance.expected_ap_at_r(tile.relevant, tile.n)
    else:
        expected = chance.expected_ap(tile.relevant, tile.n)
    return total / tile.relevant, expected


def precision_sums(keys: Tensor, limits: list[Tensor]) -> list[Tensor]:
    """Sum the precision at the ranks of relevant rows, each sum up to its own last rank.

    Args:
        keys: (T, depth) sorted keys whose lowest bit marks relevant rows.
        limits: For each sum (T,) float64, its last rank in each row.

    Returns:
        (T,) float64 each.
    """
    if not limits:
        return []
    last = torch.stack(limits, dim=1)
    if keys.device.type == "cpu":
        return list(_sparse_precision_sums(keys, last).unbind(dim=1))
    step = max(1, _DENSE_ELEMENTS // keys.shape[1])
    parts = [_dense_precision_sums(k, end) for k, end in zip(keys.split(step), last.split(step), strict=True)]
    return list(torch.cat(parts).unbind(dim=1))


def _sparse_precision_sums(keys: Tensor, last: Tensor) -> Tensor:
    """Sum the precision over relevant ranks only, within the CPU cache."""
    sums = np.zeros(last.shape)

    def work(block: np.ndarray, ends: np.ndarray, out: np.ndarray) -> None:
        rows, width = block.shape
        at = np.flatnonzero((block.astype(np.uint8) & 1).view(bool))
        row = at // width
        rank = at - row * width + 1
        before = at.searchsorted(np.arange(rows) * width)
        precision = (np.arange(1, len(at) + 1) - before[row]) / rank
        for column in range(out.shape[1]):
            counted = np.where(rank <= ends[row, column], precision, 0.0)
            out[:, column] = np.bincount(row, counted, minlength=rows)

    over_rows(work, keys.numpy(), last.numpy(), sums)
    return torch.from_numpy(sums)


def _dense_precision_sums(keys: Tensor, last: Tensor) -> Tensor:
    """Sum the precision over all ranks, without waiting for a GPU."""
    mark = keys & 1
    ranks = torch.arange(1, keys.shape[1] + 1, device=keys.device)
    precision = mark.cumsum(dim=1).mul_(mark).to(torch.float64).div_(ranks)
    return torch.stack([(precision * (ranks <= end[:, None])).sum(dim=1) for end in last.unbind(dim=1)], dim=1)
