"""Small random problems with many ties, duplicates, empty genre sets and queries without relevant rows."""

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from keyart.catalogue.relevance import Relevance
from keyart.metrics.functional import evaluate_retrieval

NAMES = ("Action", "Comedy", "Drama")


@dataclass
class Problem:
    embeddings: np.ndarray
    genres: np.ndarray
    ids: list
    years: np.ndarray | None
    groups: np.ndarray | None
    kind: str
    k: int

    @property
    def names(self):
        k = self.k
        return (
            f"ndcg@{k}",
            f"precision@{k}",
            f"recall@{k}",
            f"map@{k}",
            f"precision@{k}/genre",
            f"precision@{k}/decade",
        )

    def evaluate(self, metrics=None, **options):
        return evaluate_retrieval(
            self.embeddings,
            self.genres,
            self.ids,
            relevance=Relevance(self.kind),
            genre_names=NAMES,
            years=self.years,
            groups=self.groups,
            metrics=metrics or (*self.names, "map", "map@r"),
            **options,
        )

    def naive_arguments(self):
        return self.genres, self.ids, self.kind, NAMES, self.years, self.groups, self.k


@st.composite
def problems(draw, max_size=12):
    n = draw(st.integers(1, max_size))
    rows = st.lists(st.integers(-1, 2), min_size=2, max_size=2)
    embeddings = np.array(draw(st.lists(rows, min_size=n, max_size=n)), dtype=np.float32)
    bits = st.lists(st.booleans(), min_size=len(NAMES), max_size=len(NAMES))
    genres = np.array(draw(st.lists(bits, min_size=n, max_size=n)))
    ids = draw(st.permutations([f"tt{i:02d}" for i in range(n)]))
    year = st.sampled_from([1989.0, 1990.0, 1999.0, 2000.0, float("nan")])
    years = draw(st.none() | st.lists(year, min_size=n, max_size=n).map(np.array))
    groups = draw(st.none() | st.lists(st.integers(-1, 4), min_size=n, max_size=n).map(np.array))
    kind = draw(st.sampled_from(["jaccard", "any", "exact"]))
    return Problem(embeddings, genres, ids, years, groups, kind, draw(st.integers(1, 5)))
