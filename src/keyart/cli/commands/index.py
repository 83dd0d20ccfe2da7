"""The commands ``embed`` and ``index``: embeddings of a catalogue, and an index for fast search."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from keyart.cli.options import (
    AsJson,
    BadPoster,
    ImagesFolder,
    IndexCollection,
    OnBadPoster,
    RunFolder,
    emit_json,
    output_folder,
)
from keyart.retrieval.engines.registry import ENGINES
from keyart.utils.text import echo


class DecoderKind(StrEnum):
    """Decoder of JPEG files: Pillow on the CPU, or the GPU's hardware decoder."""

    pillow = "pillow"
    nvjpeg = "nvjpeg"


def embed(
    run: RunFolder,
    catalogue: Annotated[Path, typer.Option("--catalogue", help="Table of posters (CSV or Parquet).")],
    out: Annotated[
        Path, typer.Option(callback=output_folder, help="Folder for the Parquet files; existing ones are kept.")
    ],
    images: ImagesFolder = None,
    shard: Annotated[str, typer.Option(help="Which shard of how many, such as 1/8.")] = "1/1",
    on_bad_poster: BadPoster = OnBadPoster.error,
    decoder: Annotated[
        DecoderKind, typer.Option(help="nvjpeg decodes JPEG files on the GPU; pixels differ slightly.")
    ] = DecoderKind.pillow,
    as_json: AsJson = False,
) -> None:
    """Embed a catalogue, or one shard of it; resume where an earlier job stopped."""
    from keyart.api.run import load
    from keyart.runs.embed import parse_shard

    part = parse_shard(shard)
    done = load(run).embed_catalogue(
        catalogue, out, images, shard=part, on_bad_poster=on_bad_poster.value, decoder=decoder.value
    )
    if as_json:
        emit_json({"posters": done.posters, "computed": done.computed, "skipped": done.skipped, "out": str(out)})
    else:
        echo(f"{done.posters:,} posters embedded in {out}, {done.computed:,} of them now")
        for left in done.skipped:
            echo(f"left out: {left['id']} ({left['img']}): {left['problem']}")


def build_index(
    run: RunFolder,
    out: Annotated[
        Path | None, typer.Option(callback=output_folder, help="Folder for the index; not needed with --uri.")
    ] = None,
    embeddings: Annotated[
        Path | None, typer.Option(help="Output of keyart embed. Default: the run's own vectors.")
    ] = None,
    engine: Annotated[
        str | None, typer.Option(metavar="|".join(ENGINES), help="Engine. Default: chosen by the number of posters.")
    ] = None,
    recall: Annotated[float, typer.Option(help="Share of the exact 10 nearest that a search must find.")] = 0.95,
    uri: Annotated[
        str | None, typer.Option("--uri", help="For milvus: a file (….db) or a server; else milvus.db in --out.")
    ] = None,
    collection: IndexCollection = None,
    replace: Annotated[bool, typer.Option("--replace", help="For milvus: drop the content of the collection.")] = False,
    as_json: AsJson = False,
) -> None:
    """Build a search index and measure how far it agrees with exact search."""
    from keyart.api.run import load

    built = load(run).build_index(
        out,
        embeddings,
        kind=engine,
        recall=recall,
        uri=uri,
        collection=collection,
        replace=replace,
        report=lambda text: echo(text, err=True),
    )
    if as_json:
        emit_json(built)
    else:
        place = built.get("uri", out)
        message = f"{built['posters']:,} posters in {place}: {built['engine']} {built['parameters'] or ''}"
        echo(message.rstrip())
        echo(f"agreement with exact search (recall@10): {built['recall@10']:.4f}, requested {recall:g}")
