"""Folders of embeddings: Parquet parts that any reader of Parquet folders reads as one table.

The folder holds only parts. Each part stores its metadata in its Parquet schema, under the key ``keyart``, and a
checksum in each page, which is verified when the part is read.
"""

import json
import warnings
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from keyart.errors import InputError
from keyart.retrieval.index import PosterIndex
from keyart.utils.files import write_atomically
from keyart.utils.paths import FORMER_NAME
from keyart.utils.reading import check_regular, read_json

PART_SIZE = 1024
"""Number of posters per part."""
MOST_PART_BYTES = 1 << 30
"""Maximum size of a part in memory; one of embeddings with 8,192 numbers takes a thirtieth."""
FORMER_METADATA = "embeddings.json"
"""Metadata file of folders that version 0.1 wrote. Other readers of Parquet folders mistake it for a part."""
_TEXTS = ("id", "film", "img", "title", "genres", "split")


def part_path(folder: Path, piece: int) -> Path:
    """Return the path of one part."""
    return folder / f"part-{piece:06d}.parquet"


def write_part(
    path: Path, posters: pd.DataFrame, vectors: np.ndarray, skipped: list[dict[str, str]], metadata: Mapping[str, Any]
) -> None:
    """Write one part atomically.

    Args:
        path: Path of the part.
        posters: (M rows) table of the posters, as :func:`keyart.retrieval.index.catalogue_table` returns it.
        vectors: (M, E) float32 unit vectors.
        skipped: Posters that were skipped, as ``{"id", "img", "problem"}``.
        metadata: Metadata of the whole folder: ``embedder``, ``catalogue``, ``images``, ``posters``, ``dimensions``.
    """
    width = vectors.shape[1]
    fields = [pa.field(name, pa.int64() if name == "year" else pa.string()) for name in posters.columns]
    table = pa.Table.from_pandas(posters, pa.schema(fields), preserve_index=False)
    values = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel(), pa.float32()), width)
    table = table.add_column(1, pa.field("embedding", pa.list_(pa.float32(), width)), values)
    notes = {"part": path.name, "posters": len(posters), "skipped": skipped, "about": dict(metadata)}
    table = table.replace_schema_metadata({"keyart": json.dumps(notes)})
    write_atomically(path, lambda file: pq.write_table(table, file, write_page_checksum=True))


def part_notes(path: Path) -> dict[str, Any]:
    """Read a part's metadata: ``posters`` (a count), ``skipped`` and, except in old parts, ``about``.

    Raises:
        InputError: The part cannot be read, or its name or number of rows contradicts its metadata.
    """
    try:
        check_regular(path)
        footer = pq.read_metadata(path)
        metadata = footer.metadata
        notes = dict(json.loads(metadata.get(b"keyart") or metadata[FORMER_NAME.encode()]))
        if not isinstance(notes["posters"], int) or not isinstance(notes["skipped"], list):
            raise TypeError
        if not isinstance(notes.get("about", {}), dict):
            raise TypeError
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError):
        raise InputError(f"{path}: damaged, or not written by keyart; delete it and run keyart embed again") from None
    size = sum(footer.row_group(group).total_byte_size for group in range(footer.num_row_groups))
    fault = None
    if notes.get("part", path.name) != path.name:
        fault = f"holds {notes['part']}"
    elif footer.num_rows != notes["posters"]:
        fault = f"has {footer.num_rows:,} rows, not {notes['posters']:,}"
    elif footer.num_rows > PART_SIZE or size > MOST_PART_BYTES:
        fault = f"has {footer.num_rows:,} rows of {size:,} bytes in all, more than a part may have"
    if fault:
        raise InputError(f"{path}: {fault}; delete it and run keyart embed again")
    return notes


def folder_metadata(folder: Path) -> dict[str, Any] | None:
    """Read the metadata that all parts of a folder share; None if the folder has no parts or no such metadata.

    Raises:
        InputError: The metadata cannot be read.
    """
    former = folder / FORMER_METADATA
    if former.is_file():
        return read_json(former, fix="run keyart embed into another folder")
    first = min(folder.glob("part-*.parquet"), default=None)
    return None if first is None else part_notes(first).get("about")


def read_embeddings(folder: Path, embedder: str, run: Path) -> PosterIndex:
    """Read all parts of a folder into an exact index.

    Args:
        folder: The folder of embeddings.
        embedder: Digest of the run's embedder, which must match the folder's.
        run: The run's folder, for error messages.

    Raises:
        InputError: Parts are missing or damaged, another embedder wrote them, or their vectors or ids are invalid (see
            :func:`keyart.retrieval.unit_vectors.check_unit_vectors`).
    """
    metadata = folder_metadata(folder) if folder.is_dir() else None
    if metadata is None:
        raise InputError(f"{folder}: contains no embeddings; write them with keyart embed")
    width, total = metadata.get("dimensions"), metadata.get("posters")
    if not isinstance(width, int) or not isinstance(total, int) or total < 1:
        raise InputError(f"{folder}: the metadata of its parts is damaged; run keyart embed into another folder")
    if metadata.get("embedder") != embedder:
        raise InputError(f"{folder}: the embedder of {run} did not compute these embeddings; name the run that did")
    if (folder / FORMER_METADATA).is_file():
        warnings.warn(
            f"{folder / FORMER_METADATA}: folders with this file are deprecated; run keyart embed into a new folder,"
            " which other readers of Parquet folders can read too",
            FutureWarning,
            stacklevel=2,
        )
    count, found = -(-total // PART_SIZE), {path.name for path in folder.glob("part-*.parquet")}
    # A damaged count may be huge: stop at the first missing part.
    lacking = next((p.name for p in map(partial(part_path, folder), range(count)) if p.name not in found), None)
    if lacking is not None:
        raise InputError(
            f"{folder}: has {len(found):,} of {count:,} parts (for example, {lacking} is missing); run keyart embed"
            " again to complete it"
        )
    paths = [part_path(folder, piece) for piece in range(count)]
    tables, vectors = [], []
    for path in paths:
        # An old part has no metadata of the folder. The images' path may differ between machines.
        if {**part_notes(path).get("about", metadata), "images": None} != {**metadata, "images": None}:
            raise InputError(f"{path}: has another catalogue, embedder or decoder than {paths[0].name}; delete it")
        table, block = _read_part(path, width)
        tables.append(table)
        vectors.append(block)
    posters, ends = pd.concat(tables, ignore_index=True), np.cumsum([len(table) for table in tables])
    if not len(posters):
        raise InputError(f"{folder}: contains no posters; all were left out")

    def place(row: int) -> str:
        piece = int(np.searchsorted(ends, row, side="right"))
        return f"{paths[piece]}: row {row - int(ends[piece]) + len(tables[piece])}"

    notes = {"embedder": metadata["embedder"], "images": metadata.get("images")}
    return PosterIndex.of(np.concatenate(vectors), posters, notes, place=place)


def _read_part(path: Path, width: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the posters of a part and their (M, E) vectors, NaN where a number is missing."""
    try:
        part = pq.read_table(path, partitioning=None, page_checksum_verification=True)
    except (OSError, pa.ArrowException) as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError(f"{path}: damaged ({reason}); delete it and run keyart embed again") from None
    lacking = [name for name in (*_TEXTS, "year", "embedding") if name not in part.column_names]
    if lacking:
        raise InputError(f"{path}: has no column {', '.join(lacking)}; delete it and run keyart embed again")
    columns: dict[str, Any] = {}
    for name in (*_TEXTS, "year"):
        requested = pa.int64() if name == "year" else pa.string()
        kind = part.schema.field(name).type
        if name == "id" and not _is_text(kind):
            raise InputError(f"{path}: column id is of {kind}, not text; delete it and run keyart embed again")
        try:
            columns[name] = part.column(name).cast(requested).to_pandas()
        except (pa.ArrowException, ValueError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise InputError(f"{path}: column {name} is of {kind} ({reason}); run keyart embed again") from None
    columns["year"] = pd.array(part.column("year").cast(pa.int64()).to_pylist(), dtype="Int64")
    return pd.DataFrame(columns), _vectors(path, part, width)


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _vectors(path: Path, part: pa.Table, width: int) -> np.ndarray:
    lists = part.column("embedding").combine_chunks()
    kind = lists.type
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    if not is_list or not pa.types.is_floating(kind.value_type):
        raise InputError(f"{path}: column embedding is of {kind}, not lists of real numbers; run keyart embed again")
    lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False)
    wrong = np.flatnonzero(lengths != width)
    if len(wrong):
        row = int(wrong[0])
        one = part.column("id")[row].as_py()
        found = "no embedding" if np.isnan(lengths[row]) else f"an embedding of {int(lengths[row])} numbers"
        raise InputError(f"{path}: row {row} (id {one}): has {found}, not {width}; run keyart embed again")
    numbers = lists.flatten().cast(pa.float32(), safe=False)
    return np.asarray(numbers.to_numpy(zero_copy_only=False), dtype=np.float32).reshape(len(part), width)
