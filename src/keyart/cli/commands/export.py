"""The command ``export``: the embedder for use without keyart, or the posters for another tool."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from keyart.cli.options import AsJson, RunFolder, emit_json, output_folder
from keyart.utils.text import echo


class Target(StrEnum):
    """Format of an export."""

    onnx = "onnx"
    timm = "timm"
    embedding_atlas = "embedding-atlas"
    fiftyone = "fiftyone"


def export(
    run: RunFolder,
    to: Annotated[
        Target, typer.Option(help="onnx, timm: the embedder; embedding-atlas, fiftyone: the posters for that tool.")
    ],
    out: Annotated[Path, typer.Option(callback=output_folder, help="Folder for the files.")],
    images: Annotated[Path | None, typer.Option("--images", help="The posters, if they have moved.")] = None,
    as_json: AsJson = False,
) -> None:
    """Export the embedder for use without keyart, or the posters with map and neighbours for another tool."""
    from keyart.api.run import load
    from keyart.utils.progress import progress_bar

    with progress_bar("exporting posters") as report:
        exported = load(run).export(to.value, out, images=images, progress=report)
    if "left_out" in exported:
        echo(exported["left_out"], err=True)
    if as_json:
        emit_json(exported)
        return
    for name in exported["files"]:
        echo(str(out / name))
    if "open" in exported:
        echo(f"{exported['posters']:,} posters; in {out}: {exported['open']}")
    if "difference" in exported:
        by = "onnxruntime" if to is Target.onnx else "embedder.pt2"
        echo(f"{by} agrees with the embedder within {exported['difference']:.1e}")
