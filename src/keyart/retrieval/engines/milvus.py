"""Milvus as an index engine: an embedded file or a cluster."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from keyart.errors import InputError
from keyart.retrieval.engines.base import Parameter, Target
from keyart.retrieval.engines.milvus_build import build_milvus
from keyart.retrieval.engines.milvus_client import check_uri, is_file, redact_uri
from keyart.retrieval.engines.milvus_index import COLLECTION, MilvusIndex
from keyart.utils.files import write_json
from keyart.utils.paths import user_path

if TYPE_CHECKING:
    from keyart.retrieval.index import PosterIndex

FILE = "milvus.db"
"""Embedded file in the index's folder."""


class MilvusEngine:
    """HNSW graph, vectors and metadata in a Milvus collection; see `keyart.retrieval.engines.base.Engine`."""

    name: ClassVar[str] = "milvus"
    summary: ClassVar[str] = "a Milvus collection, in an embedded file or by `--uri` on a cluster"
    parameters: ClassVar[Mapping[str, Parameter]] = {"effort": Parameter("`ef`, the nodes kept in view")}
    options: ClassVar[Sequence[str]] = ("uri", "collection", "replace")

    @classmethod
    def build(cls, source: "PosterIndex", target: Target) -> dict[str, Any]:
        """Fill a collection, and write an ``index.json`` that names it; see `Engine`."""
        from keyart.retrieval.index import VERSION

        options, out = target.options or {}, target.out
        uri, name = options.get("uri"), options.get("collection") or COLLECTION
        # A file in the index's own folder belongs to the index and is overwritten, as with any other engine.
        where = uri if uri is not None else str(out and out / FILE)
        check_uri(where)
        if is_file(where):
            where = str(user_path(where).resolve())
        index, found = build_milvus(
            source,
            where,
            name,
            recall=target.recall,
            replace=options.get("replace", False) or uri is None,
            report=target.report,
            progress=target.progress,
        )
        index.close()
        parameters = {"effort": index.description["effort"]}
        if out is not None:
            description = {"version": VERSION, "engine": cls.name, "collection": name}
            description |= {"uri": FILE if uri is None else redact_uri(where), "posters": len(source)}
            description |= {"dimensions": source.dimensions, "parameters": parameters, **index.notes}
            try:
                out.mkdir(parents=True, exist_ok=True)
                write_json(out / "index.json", description)
            except OSError as error:
                raise InputError(
                    f"cannot be written ({error.strerror}); name another folder", parameter="out", value=out
                ) from None
        return {"parameters": parameters, "recall@10": found, "uri": redact_uri(where), "collection": name}

    @classmethod
    def load(cls, folder: Path, description: Mapping[str, Any], embedder: Path | None) -> MilvusIndex:
        """Open the collection in the embedded file of a folder; see `Engine`.

        A folder may come from anyone: it must choose neither the server that receives ``MILVUS_TOKEN`` nor a file
        elsewhere.

        Raises:
            InputError: The vectors are on a server or in a file outside the folder, which only the user may name.
        """
        try:
            uri, collection = str(description["uri"]), str(description["collection"])
        except KeyError as error:
            raise InputError(
                f"{folder}: the index cannot be read (no {error}); build it again with keyart index"
            ) from None
        path = (folder / uri).resolve()
        if is_file(uri) and path.is_relative_to(folder.resolve()):
            return MilvusIndex.open(str(path), collection, embedder)
        raise InputError(
            f"{folder}: its vectors are elsewhere; if you trust that place, name it yourself:"
            f" ``uri={shlex.quote(redact_uri(uri))}`` ``collection={shlex.quote(collection)}``"
        )

    @classmethod
    def connect(cls, uri: str, collection: str | None, embedder: Path | None) -> MilvusIndex:
        """Open the collection at a URI that the user named; see `MilvusIndex.open`."""
        return MilvusIndex.open(uri, collection or COLLECTION, embedder)
