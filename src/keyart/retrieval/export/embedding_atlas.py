"""Export for Embedding Atlas: one Parquet file with map, neighbours, small images and metadata of each poster."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from keyart.images.thumbnails import WIDTHS, thumbnail
from keyart.retrieval.index_map import project_index
from keyart.retrieval.searchable import Searchable

NEIGHBOURS = 15
_BLOCK = 1024
_COLUMNS = {"id": pa.string(), "film": pa.string(), "title": pa.string(), "year": pa.int32(), "split": pa.string()}
SCHEMA = pa.schema(
    {
        **_COLUMNS,
        "genres": pa.list_(pa.string()),
        "x": pa.float32(),
        "y": pa.float32(),
        "neighbors": pa.struct({"ids": pa.list_(pa.int64()), "distances": pa.list_(pa.float32())}),
        "image": pa.binary(),
    }
)
"""``neighbors``: row numbers of the nearest posters, best first, and 1 - cosine. ``image``: a small JPEG."""


def write_embedding_atlas(
    index: Searchable, files: Sequence[Path], folder: Path, progress: Callable[[int, int | None], None]
) -> str:
    """Write ``posters.parquet`` (`SCHEMA`), as ``embedding-atlas`` 0.26 reads it.

    Args:
        index: An index of N posters.
        files: N image files.
        folder: An existing folder.
        progress: Called with the number of written posters and N.

    Returns:
        The command that opens the file.

    Raises:
        InputError: An image is unreadable.
    """
    places = project_index(index).astype(np.float32) / 32767.5 - 1
    with pq.ParquetWriter(folder / "posters.parquet", SCHEMA) as writer, ThreadPoolExecutor() as pool:
        for start in range(0, len(index), _BLOCK):
            rows = np.arange(start, min(start + _BLOCK, len(index)))
            known = index.metadata(rows)
            table: dict[str, Any] = {
                name: [one[name] if isinstance(one[name], kind) else None for one in known]
                for name, kind in (
                    ("id", str),
                    ("film", str),
                    ("title", str),
                    ("year", (int, np.integer)),
                    ("split", str),
                )
            }
            table["genres"] = [[name for name in text.split("|") if name] for text in (one["genres"] for one in known)]
            table["x"], table["y"] = places[rows, 0], -places[rows, 1]
            table["neighbors"] = _neighbours(index, rows)
            table["image"] = list(pool.map(lambda file: thumbnail(file, WIDTHS[0]), files[start : start + len(rows)]))
            writer.write_table(pa.table(table, schema=SCHEMA))
            progress(int(rows[-1]) + 1, len(index))
    return "embedding-atlas posters.parquet --x x --y y --neighbors neighbors --text title --image image"


def _neighbours(index: Searchable, rows: np.ndarray) -> list[dict[str, Any]]:
    """Return the nearest other posters of some rows."""
    scores, found = index.search(index.vectors(rows), min(NEIGHBOURS + 1, len(index)))
    kept = (found != rows[:, None]) & (found >= 0)
    return [
        {"ids": near[keep][:NEIGHBOURS], "distances": 1 - cosines[keep][:NEIGHBOURS]}
        for near, cosines, keep in zip(found, scores, kept, strict=True)
    ]
