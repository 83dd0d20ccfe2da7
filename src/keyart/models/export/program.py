"""Export of an embedder as a ``torch.export`` program, which runs with PyTorch alone, without keyart or timm."""

import io
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from keyart.errors import InputError
from keyart.models.embedder import Embedder
from keyart.models.export.examples import example_images, quiet, trace
from keyart.models.export.image_preprocessing import pixel_lines
from keyart.models.poolings.registry import adds_columns

TOLERANCE = 1e-4
"""Maximum absolute difference between two numbers of an embedding that count as equal."""


HEADING = "# A poster embedder by keyart"


class _FromFeatures(nn.Module):
    """All steps after the backbone: standardisation, projections, kernel, branches, concatenation, normalisation."""

    def __init__(self, embedder: Embedder) -> None:
        super().__init__()
        self.embedder = embedder

    def forward(self, features: Tensor) -> Tensor:
        return self.embedder.from_features(features)


def write_programs(embedder: Embedder, folder: Path) -> float:
    """Write ``embedder.pt2``, and ``head.pt2`` if the head takes timm's own pooled features.

    ``embedder.pt2`` takes images (B, 3, H, W) float32 in [0, 1], ``head.pt2`` features (B, D) float32. Both return unit
    vectors (B, E) float32, for any B.

    Args:
        embedder: An embedder on the CPU, in evaluation mode.
        folder: An existing folder.

    Returns:
        The maximum absolute difference between the embeddings of the reloaded programs and of the embedder for
        generated posters, in batches of one and of three.

    Raises:
        InputError: A program cannot be written, or its output differs from the embedder's. Then no file remains.
    """
    images = example_images(3, embedder.backbone.image_size)
    with torch.inference_mode():
        features = embedder.backbone(images)
    parts: dict[str, tuple[nn.Module, Tensor]] = {"embedder.pt2": (embedder, images)}
    if not adds_columns(embedder.backbone.pooling):
        parts["head.pt2"] = (_FromFeatures(embedder), features.clone())
    try:
        found = max(_write(module, inputs, folder / name) for name, (module, inputs) in parts.items())
        if not found <= TOLERANCE:
            raise InputError(f"the program differs from the embedder by {found:.1e}")
    except Exception as error:
        for name in parts:
            (folder / name).unlink(missing_ok=True)
        reason = str(error).strip().partition("\n")[0]
        raise InputError(
            f"torch.export cannot express {embedder.backbone.name} ({type(error).__name__}: {reason})"
        ) from error
    return found


def _write(module: nn.Module, inputs: Tensor, path: Path) -> float:
    with quiet(), torch.no_grad():
        content = io.BytesIO()  # where a file's disk is full, torch's writer ends the process
        torch.export.save(trace(module, inputs), content)
        path.write_bytes(content.getbuffer())
        read = torch.export.load(path).module()
        return max(float((read(part) - module(part)).abs().max()) for part in (inputs[:1], inputs))


def describe_programs(about: dict[str, Any], with_head: bool) -> dict[str, Any]:
    """Describe the programs and their use, as plain values."""
    _, channels, height, width = about["input"]["shape"]
    size = about["output"]["shape"][1]
    return {
        "file": "embedder.pt2",
        "takes": "images as in input; it normalises them itself",
        "gives": "as in output",
        "device": "cpu",
        "torch": torch.__version__,
        "use": [
            "import torch",
            'embed = torch.export.load("embedder.pt2").module()',
            f"images = torch.rand(2, {channels}, {height}, {width})  # RGB in [0, 1]; see preprocessing.json",
            "with torch.inference_mode():",
            f"    vectors = embed(images)  # (2, {size}), each of length 1: inner products are cosines",
        ],
        **({"head": "head.pt2: timm's pooled features (B, D) to output"} if with_head else {}),
    }


def onnx_readme(about: dict[str, Any]) -> str:
    """Return a README for the folder of an ONNX graph, from the content of its ``preprocessing.json``."""
    size = about["output"]["shape"][1]
    return f"""{HEADING}

`embedder.onnx` holds all steps from pixels to unit vectors, weights included. From an image file to its vector:

```python
{pixel_lines(about)}

import onnxruntime

session = onnxruntime.InferenceSession("embedder.onnx")
(vectors,) = session.run(None, {{"images": images}})  # (1, {size}), of length 1: inner products are cosines
```

`preprocessing.json` describes each step.
"""


def readme(about: dict[str, Any]) -> str:
    """Return a README for the folder, from the content of its ``preprocessing.json``."""
    program = about["program"]
    head = "`head.pt2` takes the backbone's pooled features, as timm gives them, to the same vectors.\n\n"
    lines = "\n".join(program["use"])
    return f"""{HEADING}

`embedder.pt2` holds all steps from pixels to unit vectors, weights included. It needs PyTorch alone ({program["torch"]}
wrote it) and runs on the CPU.

```python
{lines}
```

`images` of an image file, as a NumPy array (`torch.from_numpy` makes it a tensor):

```python
{pixel_lines(about)}
```

{head if "head" in program else ""}The backbone alone is `model.safetensors` with `config.json`, as timm reads them.
The head's weights and description are `head.safetensors` and `head.json`.
"""
