"""Export of an embedder to an ONNX graph, with a check against the embedder."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from keyart.errors import InputError
from keyart.models.embedder import Embedder
from keyart.models.export.examples import example_images, quiet, trace

OPSET = 18
TOLERANCE = 1e-4
"""Maximum absolute difference between two numbers of an embedding that count as equal."""
NEEDS = ("onnx", "onnxscript", "onnxruntime")


def check_installed() -> None:
    """Check that the packages for the ONNX export are installed.

    Raises:
        InputError: A package of the extra ``onnx`` is not installed.
    """
    missing = [name for name in NEEDS if find_spec(name) is None]
    if missing:
        raise InputError(f'needs {", ".join(missing)}; run pip install -e ".[onnx]"', parameter="target", value="onnx")


def write_onnx(embedder: Embedder, path: Path) -> float:
    """Write an embedder as one ONNX graph from images in [0, 1] to unit vectors, with a dynamic batch size.

    Args:
        embedder: An embedder on the CPU, in evaluation mode; it computes in float32.
        path: The file to write.

    Returns:
        The maximum absolute difference between the embeddings of onnxruntime and of the embedder for generated posters,
        in batches of one and of three.

    Raises:
        InputError: The backbone cannot be converted to ONNX, or the graph's output differs from the embedder's.
    """
    name = embedder.backbone.name
    images = example_images(3, embedder.backbone.image_size)
    try:
        with quiet(), torch.no_grad():
            program = torch.onnx.export(
                trace(embedder, images),
                dynamo=True,
                input_names=["images"],
                output_names=["embedding"],
                opset_version=OPSET,
                verbose=False,
            )
            assert program is not None
            program.save(str(path))
            found = _difference(embedder, path, (images[:1], images))
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError(
            f"{name} cannot be exported ({type(error).__name__}: {reason}); try ``target=timm``",
            parameter="target",
            value="onnx",
        ) from error
    if not found <= TOLERANCE:
        raise InputError(
            f"{name}'s graph differs from the embedder by {found:.1e}; try ``target=timm``",
            parameter="target",
            value="onnx",
        )
    return found


def _difference(embedder: Embedder, path: Path, batches: Sequence[Tensor]) -> float:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    with torch.inference_mode():
        return max(
            float(np.abs(session.run(None, {"images": batch.numpy()})[0] - embedder(batch).numpy()).max())
            for batch in batches
        )
