"""The command ``export``: the embedder for use without keyart."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from keyart.cli.options import AsJson, RunFolder, emit_json, output_folder
from keyart.utils.text import echo


class Target(StrEnum):
    """Format of an exported embedder."""

    onnx = "onnx"
    timm = "timm"


def export(
    run: RunFolder,
    to: Annotated[Target, typer.Option(help="One ONNX graph, or timm weights and a torch.export program of it all.")],
    out: Annotated[Path, typer.Option(callback=output_folder, help="Folder for the files.")],
    as_json: AsJson = False,
) -> None:
    """Export the embedder for use without keyart, with its preprocessing."""
    from keyart.api.run import load

    exported = load(run).export(to.value, out)
    if "left_out" in exported:
        echo(exported["left_out"], err=True)
    if as_json:
        emit_json(exported)
        return
    for name in exported["files"]:
        echo(str(out / name))
    if "difference" in exported:
        by = "onnxruntime" if to is Target.onnx else "embedder.pt2"
        echo(f"{by} agrees with the embedder within {exported['difference']:.1e}")
