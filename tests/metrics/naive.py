"""Naive references: every metric by its definition, in plain Python with whole numbers."""

import itertools
import math

import numpy as np


def grid(vector):
    """Round a unit vector to whole steps of 2⁻²⁵."""
    largest = max((abs(float(x)) for x in vector), default=0.0)
    if largest == 0:
        return [0] * len(vector)
    scaled = [float(x) / largest for x in vector]
    length = math.sqrt(math.fsum(x * x for x in scaled))
    return [round(x / length * 2**25) for x in scaled]


def gain(kind, a, b):
    a, b = set(np.flatnonzero(a)), set(np.flatnonzero(b))
    if not a or not b:
        return 0.0
    if kind == "jaccard":
        return float(np.float32(len(a & b) / len(a | b)))
    return float(bool(a & b)) if kind == "any" else float(a == b)


def ranking(embeddings, ids, query, gallery):
    """Return gallery positions in descending order of similarity; the id breaks ties."""
    points = [grid(e) for e in embeddings]
    score = [sum(x * y for x, y in zip(points[query], p, strict=True)) for p in points]
    return sorted(gallery, key=lambda j: (-score[j], ids[j]))


def ndcg(gains, k):
    def dcg(values):
        return sum(g / math.log2(rank + 1) for rank, g in enumerate(values[:k], start=1))

    return dcg(gains) / dcg(sorted(gains, reverse=True))


def precision_sum(relevant, depth):
    return sum(sum(relevant[:i]) / i for i in range(1, min(depth, len(relevant)) + 1) if relevant[i - 1])


def query_values(kind, genres, names, years, k, query, order):
    """Return name → value for one query and the gallery in ``order``; None if left out, no key if not applicable."""
    gains = [gain(kind, genres[query], genres[j]) for j in order]
    relevant = [g >= 0.5 for g in gains]
    total = sum(relevant)
    values = {
        f"ndcg@{k}": lambda: ndcg(gains, k),
        "map": lambda: precision_sum(relevant, len(relevant)) / total,
        "map@r": lambda: precision_sum(relevant, total) / total,
        f"map@{k}": lambda: precision_sum(relevant, k) / total,
        f"precision@{k}": lambda: sum(relevant[:k]) / k,
        f"recall@{k}": lambda: float(any(relevant[:k])),
    }
    found = {name: value() if total else None for name, value in values.items()}
    for g, name in enumerate(names):
        if genres[query][g]:
            with_it = [bool(genres[j][g]) for j in order]
            found[f"precision@{k}/genre/{name}"] = sum(with_it[:k]) / k if any(with_it) else None
    if years is not None and any(math.isfinite(y) for y in years):
        same = [math.isfinite(years[j]) and years[j] // 10 == years[query] // 10 for j in order]
        found[f"precision@{k}/decade"] = sum(same[:k]) / k if any(same) else None
    return found


def galleries(n, groups, query):
    """Return a query's gallery: all other rows and, if groups contain duplicates, all rows outside its group."""
    plain = [j for j in range(n) if j != query]
    yield "", plain
    if groups is not None:
        known = [g for g in groups if g >= 0]
        if len(set(known)) < len(known):
            yield "/dedup", [j for j in plain if groups[query] < 0 or groups[j] != groups[query]]


def evaluate(embeddings, genres, ids, kind, names, years, groups, k, queries=None):
    """Evaluate all queries; return name → {query: value or None}."""
    table = {}
    for query in range(len(ids)) if queries is None else queries:
        for suffix, gallery in galleries(len(ids), groups, query):
            order = ranking(embeddings, ids, query, gallery)
            for name, value in query_values(kind, genres, names, years, k, query, order).items():
                table.setdefault(name + suffix, {})[query] = value
    return table


def expect(genres, ids, kind, names, years, groups, k):
    """Compute each value's mean over all orders of the gallery; the result has the same form."""
    table = {}
    for query in range(len(ids)):
        for suffix, gallery in galleries(len(ids), groups, query):
            sums, orders = {}, 0
            for order in itertools.permutations(gallery):
                orders += 1
                for name, value in query_values(kind, genres, names, years, k, query, order).items():
                    sums[name] = None if value is None else sums.get(name, 0.0) + value
            for name, total in sums.items():
                table.setdefault(name + suffix, {})[query] = None if total is None else total / orders
    return table
