"""Filling of a Milvus collection in batches, so that an interrupted job resumes where it stopped."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from keyart.errors import InputError
from keyart.retrieval.engines.milvus_client import (
    REGISTRIES,
    TEXT_BYTES,
    check_collection,
    check_uri,
    connect,
    disconnect,
    is_file,
    is_held,
    one_line_errors,
    read_description,
    redact_uri,
    write_description,
)
from keyart.retrieval.engines.milvus_index import COLLECTION, CONTENTS, MilvusIndex
from keyart.retrieval.engines.recall_probe import RecallProbe
from keyart.retrieval.index import PosterIndex
from keyart.utils.checksums import describe_files
from keyart.utils.files import remove, replacing_folder, write_json

GENRES, GENRE_BYTES = 1024, 1024
"""Maximum number of genres of a poster, and maximum length of a genre's name in bytes."""
BATCH_BYTES = 8 * 2**20
TOLERANCE = 1e-5
"""Largest difference between Milvus's scores and exact ones."""


def build_milvus(
    source: PosterIndex,
    uri: str,
    collection: str = COLLECTION,
    *,
    recall: float = 0.95,
    replace: bool = False,
    report: Callable[[str], None] = lambda text: None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[MilvusIndex, float]:
    """Copy an index into a Milvus collection and choose the lowest search effort that reaches a target recall.

    Rows are inserted in order of their number and in batches. An interrupted job resumes after the rows that are
    already stored, and a repeated job adds none. An embedded file is built beside the old one, which it replaces at
    once when it is complete.

    Args:
        source: The posters and their exact index; its notes name the embedder and the folder of images.
        uri: An embedded file (``….db``) or a cluster's address.
        collection: The collection's name.
        recall: Target recall@10 against exact search, in (0, 1].
        replace: Drop a collection of this name that has other contents.
        report: Called with a message at each step.
        progress: Called with the number of stored rows and the total.

    Returns:
        The index, and its measured recall@10 against exact search. It is below ``recall`` only if the greatest effort
        does not reach the target.

    Raises:
        InputError: Milvus cannot be reached, or the collection has other contents.
    """
    description: dict[str, Any] = {
        "version": 1,
        "whole": False,
        "content": _content(source),
        "embedder": source.notes.get("embedder"),
        "images": source.notes.get("images"),
        "posters": len(source),
        "dimensions": source.dimensions,
        "genres": sorted({name for text in source.posters["genres"].unique() for name in text.split("|") if name}),
    }
    check_uri(uri)
    check_collection(collection)
    _check_texts(source.posters, description)
    if not is_file(uri):
        found = _build(source, uri, collection, description, recall, replace, report, progress)
        return MilvusIndex.open(uri, collection), found
    target = Path(uri)
    draft = target.with_name(f".{target.name}.building.db")
    for path in (target, draft):
        if is_held(path):
            raise InputError(
                "another process has it open; wait for it to end, or use a server", parameter="uri", value=path
            )
    basis = _basis(target, collection, description["content"], replace)
    resumes = draft.exists()
    try:
        if not resumes and basis:
            with replacing_folder(draft, [path.name for path in target.iterdir()]) as copy:
                shutil.copytree(target, copy, dirs_exist_ok=True)
        found = _build(source, str(draft), collection, description, recall, True, report, progress)
    except InputError:
        if not resumes:
            raise
        # The process that was killed may have left a file that Milvus cannot use.
        remove(draft)
        return build_milvus(source, uri, collection, recall=recall, replace=replace, report=report, progress=progress)
    _describe(draft)
    names = {path.name for folder in (target, draft) if folder.is_dir() for path in folder.iterdir()}
    with replacing_folder(target, [*names - {CONTENTS}, CONTENTS]) as complete:
        draft.rename(complete)
    return MilvusIndex.open(uri, collection), found


def _basis(target: Path, collection: str, content: str, replace: bool) -> bool:
    """Return whether an embedded file has something to keep: other collections, or the same contents.

    Raises:
        InputError: The collection holds something else, or the file cannot be read, and it may not be replaced.
    """
    if not target.exists():
        return False
    uri = str(target)
    try:
        client = connect(uri)
        try:
            known = read_description(client, uri, collection)
            with one_line_errors(uri):
                there = set(client.list_collections())
        finally:
            disconnect(client, uri)
    except InputError:
        if not replace:
            raise
        return False
    same = known is not None and known.get("content") == content
    if collection in there and not same and not replace:
        raise _other_contents(uri, collection)
    return same or bool(there - {collection, *REGISTRIES})


def _other_contents(uri: str, collection: str) -> InputError:
    return InputError(
        f"the collection {collection!r} holds something else; name another with ``collection``, or give ``replace``",
        parameter="uri",
        value=redact_uri(uri),
    )


def _build(
    source: PosterIndex,
    uri: str,
    collection: str,
    description: dict[str, Any],
    recall: float,
    replace: bool,
    report: Callable[[str], None],
    progress: Callable[[int, int], None],
) -> float:
    """Fill a collection, and return the recall that was reached; see `build_milvus`."""
    client = connect(uri, create=True)
    try:
        known = read_description(client, uri, collection)
        with one_line_errors(uri):
            there = bool(client.has_collection(collection))
            if there and (known is None or known.get("content") != description["content"]):
                if not replace:
                    raise _other_contents(uri, collection)
                client.drop_collection(collection)
                there = False
            if not there:
                _create(client, collection, source.dimensions, 80 if recall <= 0.97 else 200)
        write_description(client, uri, collection, description)
        index = MilvusIndex(client, uri, collection, {**description, "effort": 0})
        _fill(index, source, report, progress)
        effort, found = _choose_effort(index, source, recall, report)
        write_description(client, uri, collection, description | {"whole": True, "effort": effort, "recall@10": found})
    finally:
        disconnect(client, uri)
    return found


def _content(source: PosterIndex) -> str:
    """Return a digest of ids, metadata and vectors: an interrupted job resumes only if it is equal."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(json.dumps([source.notes.get("embedder"), source.dimensions, source.posters["id"].tolist()]).encode())
    for start in range(0, len(source), 65_536):
        rows = np.arange(start, min(start + 65_536, len(source)))
        digest.update(np.ascontiguousarray(source.vectors(rows)).tobytes())
    digest.update(pd.util.hash_pandas_object(source.posters.astype(str), index=False).to_numpy().tobytes())
    return digest.hexdigest()


def _check_texts(posters: pd.DataFrame, description: dict[str, Any]) -> None:
    """Check that Milvus can store all texts, before anything is written.

    Raises:
        InputError: A text is too long, or a poster has too many genres.
    """
    for name in ("id", "film", "img", "title", "split"):
        sizes = posters[name].map(lambda text: len(str(text).encode())).to_numpy()
        _refuse_long(posters, sizes, TEXT_BYTES, f"{name} has", "bytes")
    genres = posters["genres"].astype(str).str.split("|")
    longest = genres.map(lambda names: max(len(name.encode()) for name in names)).to_numpy()
    _refuse_long(posters, longest, GENRE_BYTES, "genre has", "bytes")
    _refuse_long(posters, genres.map(len).to_numpy(), GENRES, "list has", "genres")
    size = len(json.dumps(description, ensure_ascii=False).encode())
    if size > TEXT_BYTES - 1000:  # reserve for fields that are added later
        raise InputError(
            f"the names of {len(description['genres']):,} genres are too long for it; use another ``engine``",
            parameter="engine",
            value="milvus",
        )


def _refuse_long(posters: pd.DataFrame, sizes: np.ndarray, most: int, what: str, unit: str) -> None:
    if len(sizes) and sizes.max() > most:
        row = int(sizes.argmax())
        name = str(posters["id"].iloc[row])
        raise InputError(
            f"poster {name if len(name) <= 80 else name[:79] + '…'}: its {what} {sizes[row]:,} {unit}, and Milvus holds"
            f" {most:,}; shorten it in the catalogue, or use another ``engine``"
        )


def _create(client: Any, collection: str, dimensions: int, care: int) -> None:
    from pymilvus import DataType

    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("row", DataType.INT64, is_primary=True)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dimensions)
    for name in ("id", "film", "img", "title", "split"):
        schema.add_field(name, DataType.VARCHAR, max_length=TEXT_BYTES)
    schema.add_field("year", DataType.INT64)  # -1 where unknown
    schema.add_field(
        "genres", DataType.ARRAY, element_type=DataType.VARCHAR, max_capacity=GENRES, max_length=GENRE_BYTES
    )
    params = client.prepare_index_params()
    graph = {"M": 32, "efConstruction": care}
    params.add_index("vector", index_type="HNSW", metric_type="IP", params=graph)
    client.create_collection(collection, schema=schema, index_params=params, consistency_level="Strong")


def _fill(
    index: MilvusIndex,
    source: PosterIndex,
    report: Callable[[str], None],
    progress: Callable[[int, int], None],
) -> None:
    total, batch = len(source), int(np.clip(BATCH_BYTES // (4 * source.dimensions + 512), 100, 5000))
    with one_line_errors(index.uri):
        index.client.load_collection(index.collection)
    done = index.count()
    if done:
        report(f"{done:,} of {total:,} posters are there")
    # The last batch may be incomplete: insert it again (an upsert leaves stored rows as they are).
    for start in range(done // batch * batch if done < total else total, total, batch):
        rows = np.arange(start, min(start + batch, total))
        with one_line_errors(
            index.uri, fix="its file or server does not accept them; free some space, or use another ``engine``"
        ):
            index.client.upsert(index.collection, _records(source, rows))
        progress(int(rows[-1]) + 1, total)
    with one_line_errors(index.uri):
        index.client.flush(index.collection)


def _records(source: PosterIndex, rows: np.ndarray) -> list[dict[str, Any]]:
    return [
        {
            "row": int(row),
            "vector": vector,
            **{name: str(poster[name]) for name in ("id", "film", "img")},
            **{name: poster[name] or "" for name in ("title", "split")},
            "year": -1 if poster["year"] is None else int(poster["year"]),
            "genres": [name for name in str(poster["genres"]).split("|") if name],
        }
        for row, poster, vector in zip(rows, source.metadata(rows), source.vectors(rows), strict=True)
    ]


def _choose_effort(
    index: MilvusIndex, source: PosterIndex, recall: float, report: Callable[[str], None]
) -> tuple[int, float]:
    """Return the lowest ``ef`` whose recall is surely above the target, and that recall (see `RecallProbe`)."""
    report("choosing its parameters")
    probe = RecallProbe.of(source.index)
    if not probe.neighbours:
        return 16, 1.0
    effort = 16
    while True:
        found, sure = probe.share(*index.search(probe.queries, probe.neighbours + 1, effort=effort), TOLERANCE)
        if sure >= recall or effort >= min(4096, 2 * len(source)):
            return effort, found
        effort *= 2


def _describe(path: Path) -> None:
    """Write the checksums of an embedded file's vectors.

    Milvus's own bookkeeping files are left out, because they change whenever the file is opened.
    """
    parts = [one for one in (path / "collections").glob("*/partitions") if one.parent.name not in REGISTRIES]
    inside = sorted(one for part in parts for one in part.rglob("*") if one.is_file())
    files = describe_files(path, [one.relative_to(path).as_posix() for one in inside])
    write_json(path / CONTENTS, {"files": files})
