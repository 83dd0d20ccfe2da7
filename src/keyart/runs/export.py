"""Export of a run for other tools: its embedder for use without keyart, or its index with the posters."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from keyart.errors import InputError
from keyart.models.embedder import Embedder, load_embedder
from keyart.models.export.image_preprocessing import describe_preprocessing
from keyart.models.export.onnx import check_installed, write_onnx
from keyart.models.export.program import HEADING, describe_programs, onnx_readme, readme, write_programs
from keyart.models.export.timm_weights import write_timm
from keyart.retrieval.export.embedding_atlas import write_embedding_atlas
from keyart.retrieval.export.fiftyone import write_fiftyone
from keyart.retrieval.searchable import Searchable
from keyart.runs.run import Run
from keyart.runs.search import images_folder, open_index
from keyart.utils.checksums import embedder_digest
from keyart.utils.files import replacing_folder, write_json, write_text
from keyart.utils.output_paths import check_output_folder, output_folder

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Target:
    """Format that a run can be exported to.

    Attributes:
        files: Names of its files; the last one says that the export is complete.
        write: Writes them into a folder, from the run and the folder of the posters (None: the one that the index
            names), and returns entries for the record. It reports the number of finished posters.
        check: Raises InputError if something that it needs is not installed.
    """

    files: tuple[str, ...]
    write: Callable[[Run, Path, Path | None, Progress], dict[str, Any]]
    check: Callable[[], None] = lambda: None


def _silent(done: int, total: int | None) -> None:
    """Report no progress."""


def export_run(
    run: Run, target: str, out: Path, images: Path | None = None, progress: Progress = _silent
) -> dict[str, Any]:
    """Export a run for other tools.

    Args:
        run: The run that is exported.
        target: ``onnx`` (``embedder.onnx``, images to unit vectors) or ``timm`` (the backbone's weights and
            configuration in timm's format, the head in separate files, and the whole embedder as ``embedder.pt2``, a
            ``torch.export`` program from images to unit vectors); or, of the index and its posters,
            ``embedding-atlas`` (a Parquet file) or ``fiftyone`` (a FiftyOneDataset).
        out: The folder; other files in it stay.
        images: The folder of the posters, if they have moved.
        progress: Called with the number of finished posters and of all posters.

    Returns:
        ``to``, ``out`` and ``files``. Of an embedder also ``embedding_size`` and ``difference``: the largest difference
        between the outputs of the exported graph or program and the embedder for the same images. For timm,
        ``left_out`` replaces ``difference`` if PyTorch cannot express the backbone as a program; it is the reason. Of
        posters ``posters`` (their number) and ``open``: what opens the files, in their folder.

    Raises:
        InputError: The target is unknown or cannot express this backbone, the extra for it is not installed, ``out``
            cannot be written, or a poster is missing or unreadable.
    """
    if target not in TARGETS:
        raise InputError(f"unknown; choose one of {', '.join(TARGETS)}", parameter="target", value=target)
    chosen = TARGETS[target]
    chosen.check()
    check_output_folder("out", out)
    record: dict[str, Any] = {"to": target, "out": str(out)}
    names = [name for name in chosen.files if name != "README.md" or _is_ours(out / name)]
    try:
        with output_folder(out, "exports to this folder"), replacing_folder(out, names) as draft:
            record |= chosen.write(run, draft, images, progress)
            if "README.md" not in names:
                (draft / "README.md").unlink(missing_ok=True)
            record["files"] = sorted(path.name for path in draft.iterdir())
    except OSError as error:
        raise InputError(
            f"cannot be written ({error.strerror or error}); name another folder", parameter="out", value=out
        ) from None
    return record


def _write_embedder(
    write: Callable[[Embedder, Path, dict[str, Any]], dict[str, Any]],
    run: Run,
    folder: Path,
    images: Path | None,
    progress: Progress,
) -> dict[str, Any]:
    """Export the embedder by ``write``, which adds to the description of the preprocessing."""
    if images is not None:
        raise InputError("an embedder is exported without posters; leave it out", parameter="images", value=images)
    # A copy of its own: exporting changes modules.
    embedder = load_embedder(run.embedder_folder)
    about = {"embedder": embedder_digest(run.embedder_folder), **describe_preprocessing(embedder)}
    record = {"embedding_size": embedder.embedding_size} | write(embedder, folder, about)
    write_json(folder / "preprocessing.json", about)
    return record


def _onnx(embedder: Embedder, folder: Path, about: dict[str, Any]) -> dict[str, Any]:
    difference = write_onnx(embedder, folder / "embedder.onnx")
    write_text(folder / "README.md", onnx_readme(about))
    return {"difference": difference}


def _timm(embedder: Embedder, folder: Path, about: dict[str, Any]) -> dict[str, Any]:
    about["normalisation"] |= {"where": "before the backbone: subtract the mean, divide by the deviation"}
    about["output"] |= {"of": "the head beside the backbone, each vector divided by its length"}
    write_timm(embedder, folder)
    try:
        difference = write_programs(embedder, folder)
    except InputError as error:
        return {"left_out": f"embedder.pt2 is left out: {error}"}
    about["program"] = describe_programs(about, (folder / "head.pt2").is_file())
    write_text(folder / "README.md", readme(about))
    return {"difference": difference}


def _write_posters(
    write: Callable[[Searchable, list[Path], Path, Progress], str],
    run: Run,
    folder: Path,
    images: Path | None,
    progress: Progress,
) -> dict[str, Any]:
    """Export the index and its posters by ``write``, which returns what opens the result."""
    index = open_index(run)
    root = images_folder(run, index, images).resolve()
    files = [(root / str(name)) for name in index.posters["img"]]
    for file in files:
        if "\x00" in str(file) or not file.resolve().is_relative_to(root) or not file.is_file():
            raise InputError("there is no such poster in the images folder", parameter="images", value=file)
    return {"posters": len(files), "open": write(index, files, folder, progress)}


TARGETS = {
    "onnx": Target(
        ("embedder.onnx", "embedder.onnx.data", "README.md", "preprocessing.json"),
        partial(_write_embedder, _onnx),
        check_installed,
    ),
    "timm": Target(
        (
            *("model.safetensors", "config.json", "head.safetensors", "head.json"),
            *("embedder.pt2", "head.pt2", "README.md", "preprocessing.json"),
        ),
        partial(_write_embedder, _timm),
    ),
    "embedding-atlas": Target(("posters.parquet",), partial(_write_posters, write_embedding_atlas)),
    "fiftyone": Target(("samples.json", "metadata.json"), partial(_write_posters, write_fiftyone)),
}
"""A further format is one more line."""


def _is_ours(readme: Path) -> bool:
    """Return whether a README may be overwritten: it is absent, or keyart wrote it."""
    return not readme.exists() or readme.read_text(encoding="utf-8", errors="replace").startswith(HEADING)
