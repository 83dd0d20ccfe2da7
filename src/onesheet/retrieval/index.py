"""An index of a catalogue: vectors to search, with the ids and what is known of each poster beside them."""

import json
from dataclasses import dataclass
from pathlib import Path

import faiss
import numpy as np
import pandas as pd

from onesheet.catalogue import Catalogue
from onesheet.errors import InputError

VERSION = 1


def catalogue_table(catalogue: Catalogue, splits: np.ndarray | None = None) -> pd.DataFrame:
    """What is known of each poster, one row each: id, film, img, title, year, genres (separated by ``|``), split."""
    genres = ["|".join(np.array(catalogue.genre_names)[row]) for row in catalogue.genres]
    return pd.DataFrame(
        {
            "id": catalogue.ids,
            "film": catalogue.films,
            "img": catalogue.files,
            "title": catalogue.titles,
            "year": pd.array(catalogue.years, dtype="Float64").astype("Int64"),
            "genres": genres,
            "split": splits if splits is not None else pd.array([None] * len(genres), dtype="string"),
        }
    )


@dataclass(frozen=True, eq=False)
class PosterIndex:
    """Exact inner-product index over unit vectors.

    Args:
        index: The FAISS index; row i is row i of ``posters``.
        posters: (N rows) the catalogue's table, as :func:`catalogue_table` gives it.
    """

    index: faiss.Index
    posters: pd.DataFrame

    @classmethod
    def build(cls, embeddings: np.ndarray, catalogue: Catalogue, splits: np.ndarray | None = None) -> "PosterIndex":
        """Index (N, E) unit vectors of the catalogue's N posters."""
        vectors = np.ascontiguousarray(embeddings, dtype=np.float32)
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(vectors)
        return cls(index, catalogue_table(catalogue, splits))

    def vectors(self) -> np.ndarray:
        """(N, E) the indexed vectors."""
        return np.asarray(self.index.reconstruct_n(0, self.index.ntotal))

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The k best rows for each of Q query vectors.

        Returns:
            (Q, k) cosine similarities and (Q, k) row numbers, best first.
        """
        scores, rows = self.index.search(np.ascontiguousarray(queries, dtype=np.float32), k)
        return np.asarray(scores), np.asarray(rows)

    def save(self, folder: Path) -> None:
        """Write ``vectors.faiss``, ``posters.parquet`` and ``index.json``, which comes last and says that all is there."""
        folder.mkdir(parents=True, exist_ok=True)
        faiss.write_index(self.index, str(folder / "vectors.faiss"))
        self.posters.to_parquet(folder / "posters.parquet", index=False)
        about = {"version": VERSION, "engine": "flat", "posters": len(self.posters), "dimensions": self.index.d}
        (folder / "index.json").write_text(json.dumps(about, indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path) -> "PosterIndex":
        """Open an index.

        Raises:
            InputError: The folder holds no whole index.
        """
        try:
            about = json.loads((folder / "index.json").read_text())
            index = faiss.read_index(str(folder / "vectors.faiss"))
            posters = pd.read_parquet(folder / "posters.parquet")
        except (OSError, ValueError, RuntimeError) as error:
            raise InputError(f"{folder}: the index cannot be read ({error}); build it again") from None
        if not len(posters) == index.ntotal == about.get("posters"):
            raise InputError(f"{folder}: the index is damaged ({index.ntotal} vectors, {len(posters)} posters)")
        return cls(index, posters)
