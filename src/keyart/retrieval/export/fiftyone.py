"""Export for FiftyOne: a dataset on disk that ``fiftyone.Dataset.from_dir`` opens."""

import base64
import io
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from keyart.retrieval.searchable import Searchable

VERSION = "1.0.0"
"""FiftyOne's version since which documents have these fields; later versions migrate a dataset when they open it."""
_BLOCK = 1024
_FIELDS = "fiftyone.core.fields."


def write_fiftyone(
    index: Searchable, files: Sequence[Path], folder: Path, progress: Callable[[int, int | None], None]
) -> str:
    """Write ``samples.json`` and ``metadata.json``: a ``FiftyOneDataset`` whose images stay where they are.

    Each sample has ``poster_id``, ``film``, ``title``, ``year``, ``genres`` (Classifications) and ``embedding``, and
    its split as a tag.

    Args:
        index: An index of N posters.
        files: N image files.
        folder: An existing folder.
        progress: Called with the number of written posters and N.

    Returns:
        The Python expression that opens the dataset.
    """
    with (folder / "samples.json").open("w", encoding="utf-8") as out:
        out.write('{"samples": [')
        for start in range(0, len(index), _BLOCK):
            rows = np.arange(start, min(start + _BLOCK, len(index)))
            known = index.metadata(rows)
            for row, poster, vector in zip(rows, known, index.vectors(rows), strict=True):
                out.write((",\n" if row else "\n") + json.dumps(_sample(poster, files[int(row)], vector)))
            progress(int(rows[-1]) + 1, len(index))
        out.write("\n]}\n")
    (folder / "metadata.json").write_text(json.dumps(_dataset(), indent=1) + "\n", encoding="utf-8")
    return 'fiftyone.Dataset.from_dir(".", dataset_type=fiftyone.types.FiftyOneDataset)'


def _sample(poster: Mapping[str, Any], file: Path, vector: np.ndarray) -> dict[str, Any]:
    name = str(poster["id"])
    labels = [
        {"_id": _object_id(f"{name}\0{genre}"), "_cls": "Classification", "tags": [], "label": genre}
        for genre in str(poster["genres"]).split("|")
        if genre
    ]
    texts = {key: poster[key] for key in ("film", "title") if isinstance(poster[key], str)}
    years = {"year": int(poster["year"])} if isinstance(poster["year"], int | np.integer) else {}
    return {
        "_id": _object_id(name),
        "_media_type": "image",
        "_rand": int(_object_id(name)["$oid"][:8], 16) / 2**32,
        "filepath": str(file),
        "tags": [poster["split"]] if isinstance(poster["split"], str) else [],
        "poster_id": name,
        **texts,
        **years,
        "genres": {"_cls": "Classifications", "classifications": labels},
        "embedding": {"$binary": {"base64": _packed(vector), "subType": "00"}},
    }


def _object_id(text: str) -> dict[str, str]:
    """Return a document's id, always the same for one text."""
    return {"$oid": blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()}


def _packed(vector: np.ndarray) -> str:
    """Return a vector as FiftyOne stores it: NumPy's format, compressed."""
    buffer = io.BytesIO()
    np.save(buffer, vector.astype(np.float32), allow_pickle=False)
    return base64.b64encode(zlib.compress(buffer.getvalue(), 1)).decode("ascii")


def _field(name: str, kind: str, *fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the description of a field."""
    empty = {"embedded_doc_type": None, "subfield": None, "fields": list(fields), "db_field": name}
    about = {"description": None, "info": None, "read_only": False, "created_at": None}
    return {"name": name, "ftype": f"{_FIELDS}{kind}Field", **empty, **about, **more}


def _dataset() -> dict[str, Any]:
    """Return the description of a dataset whose samples have the fields of `_sample`."""
    identifier = _field("id", "ObjectId", db_field="_id")
    tags = _field("tags", "List", subfield=f"{_FIELDS}StringField")
    logits = _field("logits", "Vector")
    genre = [identifier, tags, _field("label", "String"), _field("confidence", "Float"), logits]
    genres = _field(
        "classifications",
        "List",
        *genre,
        subfield=f"{_FIELDS}EmbeddedDocumentField",
        embedded_doc_type="fiftyone.core.labels.Classification",
    )
    sizes = [_field(name, "Int") for name in ("size_bytes", "width", "height", "num_channels")]
    fields = [
        identifier,
        _field("filepath", "String"),
        tags,
        _field(
            "metadata",
            "EmbeddedDocument",
            *sizes,
            _field("mime_type", "String"),
            embedded_doc_type="fiftyone.core.metadata.ImageMetadata",
        ),
        *(_field(name, "DateTime", read_only=True) for name in ("created_at", "last_modified_at")),
        _field("_media_type", "String"),
        _field("_rand", "Float"),
        _field("_dataset_id", "ObjectId"),
        *(_field(name, "String") for name in ("poster_id", "film", "title")),
        _field("year", "Int"),
        _field("genres", "EmbeddedDocument", genres, logits, embedded_doc_type="fiftyone.core.labels.Classifications"),
        _field("embedding", "Vector"),
    ]
    views = {"grid_media_field": "filepath", "modal_media_field": "filepath", "media_fields": ["filepath"]}
    return {
        "name": "keyart",
        "version": VERSION,
        "sample_collection_name": "samples.keyart",
        "media_type": "image",
        "app_config": views,
        "sample_fields": fields,
        "frame_fields": [],
    }
