"""The metrics of one tile of queries, each beside its chance, from what was ranked."""

import numpy as np
import torch
from torch import Tensor

from onesheet.catalogue import POSITIVE_GAIN
from onesheet.retrieval.exact import over_rows
from onesheet.retrieval.metrics import chance
from onesheet.retrieval.metrics.gallery import Labels, Tile
from onesheet.retrieval.metrics.names import MetricName

#: Per-query values and their chance by metric; float64, NaN where a query is left out.
Columns = dict[str, tuple[Tensor, Tensor]]

_DENSE_ELEMENTS = 2**24
# Up to this depth a look at every rank costs a CPU less than Python's way from row to row.
_SHALLOW = 2048


def top_values(names: list[MetricName], labels: Labels, tile: Tile, top: Tensor, genres: tuple[str, ...]) -> Columns:
    """The metrics that need only the nearest rows.

    Args:
        names: Metrics wanted; those that need more are passed over.
        labels: The gallery's labels.
        tile: The T queries.
        top: (T, K) int64 positions of the nearest rows, −1 where the gallery ran out.
        genres: Names of the G genres.

    Returns:
        For each metric (T,) values and (T,) chance; genres one each, as ``precision@k/genre/<G>``.
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
        elif name.kind == "precision":
            pair = hits.sum(dim=1) / k, chance.expected_precision(tile.relevant, tile.n, k)
        elif name.kind == "recall":
            pair = hits.amax(dim=1), chance.expected_recall(tile.relevant, tile.n, k)
        elif name.kind == "map":
            ranks = torch.arange(1, hits.shape[1] + 1, device=top.device)
            pair = (
                (hits * hits.cumsum(dim=1) / ranks).sum(dim=1) / tile.relevant,
                chance.expected_ap_at_k(tile.relevant, tile.n, k),
            )
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
    """Precision for each genre G, over queries that have G, of neighbours that have G."""
    hits = (labels.genres[seen] * there[:, :, None]).sum(dim=1, dtype=torch.float64)
    row, at = tile.hidden
    others = labels.genre_counts.expand(len(seen), -1).clone()
    others.index_add_(0, row, labels.genres[at].to(torch.float64), alpha=-1)
    expected = chance.expected_precision(others, tile.n[:, None], name.k)
    counted = (labels.genres[tile.queries] > 0) & (others > 0)
    values, expected = _keep((hits / name.k, expected), counted)
    return {f"{name.text}/{genre}": (values[:, i], expected[:, i]) for i, genre in enumerate(genres)}


def _decade(name: MetricName, labels: Labels, tile: Tile, seen: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
    """Precision of neighbours of the query's decade; rows of unknown year stand in the ranking, never relevant."""
    if labels.decades is None:
        raise ValueError(f"{name.text}: the years are not known")
    own = labels.decades[tile.queries]
    hits = ((labels.decades[seen] == own[:, None]) & there).sum(dim=1, dtype=torch.float64)
    row, at = tile.hidden
    same = ((labels.decades[at] == own[row]) & (own[row] >= 0)).to(torch.float64)
    others = labels.decade_counts[tile.queries].index_add_(0, row, same, alpha=-1)
    counted = (own >= 0) & (others > 0)
    return _keep((hits / name.k, chance.expected_precision(others, tile.n, name.k)), counted)


def deep_values(names: list[MetricName], tile: Tile, keys: Tensor) -> Columns:
    """``map`` and ``map@r``.

    Args:
        names: Metrics wanted; others are passed over.
        tile: The T queries.
        keys: (T, depth) sorted keys whose lowest bit marks relevant rows; deep enough for the metrics wanted.
    """
    kinds = {name.kind: name.text for name in names}
    out: Columns = {}
    if not {"full_map", "map@r"} & kinds.keys():
        return out
    whole, at_r = precision_sums(keys, tile.relevant)
    counted = tile.relevant > 0
    if "full_map" in kinds:
        pair = whole / tile.relevant, chance.expected_ap(tile.relevant, tile.n)
        out[kinds["full_map"]] = _keep(pair, counted)
    if "map@r" in kinds:
        pair = at_r / tile.relevant, chance.expected_ap_at_r(tile.relevant, tile.n)
        out[kinds["map@r"]] = _keep(pair, counted)
    return out


def precision_sums(keys: Tensor, relevant: Tensor) -> tuple[Tensor, Tensor]:
    """Σ of precision at the ranks of relevant rows: over all ranks given, and over the first R.

    Args:
        keys: (T, depth) sorted keys whose lowest bit marks relevant rows.
        relevant: (T,) float64, R.

    Returns:
        Two (T,) float64.
    """
    if keys.device.type == "cpu" and keys.shape[1] > _SHALLOW:
        return _sparse_precision_sums(keys, relevant)
    parts = [
        _dense_precision_sums(k, r)
        for k, r in zip(*(x.split(max(1, _DENSE_ELEMENTS // keys.shape[1])) for x in (keys, relevant)), strict=True)
    ]
    return torch.cat([p[0] for p in parts]), torch.cat([p[1] for p in parts])


def _sparse_precision_sums(keys: Tensor, relevant: Tensor) -> tuple[Tensor, Tensor]:
    """Visits relevant ranks only, row by row in the CPU's cache."""
    sums = np.zeros((len(keys), 2))
    count = np.arange(1, keys.shape[1] + 1, dtype=np.float64)

    def work(block: np.ndarray, depth: np.ndarray, out: np.ndarray) -> None:
        for i, row in enumerate(block):
            ranks = (row.astype(np.uint8) & 1).view(bool).nonzero()[0] + 1
            precision = count[: len(ranks)] / ranks
            out[i] = precision.sum(), precision[: ranks.searchsorted(depth[i], side="right")].sum()

    over_rows(work, keys.numpy(), relevant.numpy(), sums)
    both = torch.from_numpy(sums)
    return both[:, 0], both[:, 1]


def _dense_precision_sums(keys: Tensor, relevant: Tensor) -> tuple[Tensor, Tensor]:
    """Visits all ranks: no wait for a GPU, no loop over rows."""
    mark = keys & 1
    ranks = torch.arange(1, keys.shape[1] + 1, device=keys.device)
    precision = mark.cumsum(dim=1).mul_(mark).to(torch.float64).div_(ranks)
    return precision.sum(dim=1), precision.mul_(ranks <= relevant[:, None]).sum(dim=1)
