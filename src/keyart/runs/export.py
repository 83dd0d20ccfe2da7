"""Export of a run's embedder into a folder, for use without keyart."""

from pathlib import Path
from typing import Any

from keyart.errors import InputError
from keyart.models.embedder import load_embedder
from keyart.models.export.image_preprocessing import describe_preprocessing
from keyart.models.export.onnx import check_installed, write_onnx
from keyart.models.export.program import HEADING, describe_programs, readme, write_programs
from keyart.models.export.timm_weights import write_timm
from keyart.runs.run import Run
from keyart.utils.checksums import embedder_digest
from keyart.utils.files import replacing_folder, write_json, write_text
from keyart.utils.output_paths import check_output_folder, output_folder

NAMES = {
    "onnx": ("embedder.onnx", "embedder.onnx.data", "preprocessing.json"),
    "timm": (
        *("model.safetensors", "config.json", "head.safetensors", "head.json"),
        *("embedder.pt2", "head.pt2", "README.md", "preprocessing.json"),
    ),
}
"""The files of each target; the last one says that the export is complete."""
TARGETS = tuple(NAMES)


def export_run(run: Run, target: str, out: Path) -> dict[str, Any]:
    """Export a run's embedder for use without keyart.

    Args:
        run: The run whose embedder is exported.
        target: ``onnx`` (``embedder.onnx``, images to unit vectors) or ``timm`` (the backbone's weights and
            configuration in timm's format, the head in separate files, and the whole embedder as ``embedder.pt2``, a
            ``torch.export`` program from images to unit vectors).
        out: The folder; other files in it stay.

    Returns:
        ``to``, ``out``, ``files``, ``embedding_size`` and ``difference``: the largest difference between the outputs of
        the exported graph or program and the embedder for the same images. For timm, ``left_out`` replaces
        ``difference`` if PyTorch cannot express the backbone as a program; it is the reason.

    Raises:
        InputError: The target is unknown or cannot express this backbone, the extra for it is not installed, or ``out``
            cannot be written.
    """
    if target not in TARGETS:
        raise InputError(f"unknown; choose one of {', '.join(TARGETS)}", parameter="target", value=target)
    if target == "onnx":
        check_installed()
    check_output_folder("out", out)
    # A copy of its own: exporting changes modules.
    embedder = load_embedder(run.embedder_folder)
    record: dict[str, Any] = {"to": target, "out": str(out), "embedding_size": embedder.embedding_size}
    about = {"embedder": embedder_digest(run.embedder_folder), **describe_preprocessing(embedder)}
    names = NAMES[target] if _is_ours(out / "README.md") else [name for name in NAMES[target] if name != "README.md"]
    try:
        with output_folder(out, "exports to this folder"), replacing_folder(out, names) as draft:
            if target == "onnx":
                record["difference"] = write_onnx(embedder, draft / "embedder.onnx")
            else:
                about["normalisation"] |= {"where": "before the backbone: subtract the mean, divide by the deviation"}
                about["output"] |= {"of": "the head beside the backbone, each vector divided by its length"}
                write_timm(embedder, draft)
                try:
                    record["difference"] = write_programs(embedder, draft)
                    about["program"] = describe_programs(about, (draft / "head.pt2").is_file())
                    if "README.md" in names:
                        write_text(draft / "README.md", readme(about["program"]))
                except InputError as error:
                    record["left_out"] = f"embedder.pt2 is left out: {error}"
            write_json(draft / "preprocessing.json", about)
            record["files"] = sorted(path.name for path in draft.iterdir())
    except OSError as error:
        raise InputError(
            f"cannot be written ({error.strerror or error}); name another folder", parameter="out", value=out
        ) from None
    return record


def _is_ours(readme: Path) -> bool:
    """Return whether a README may be overwritten: it is absent, or keyart wrote it."""
    return not readme.exists() or readme.read_text(encoding="utf-8", errors="replace").startswith(HEADING)
