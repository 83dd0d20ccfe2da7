"""Embedders: a backbone, a head and L2 normalisation; a saved folder rebuilds them without any config."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from keyart.errors import InputError
from keyart.models.backbone import Backbone
from keyart.models.backbone_factory import create_backbone
from keyart.models.backbone_names import list_names
from keyart.models.heads.base import Head
from keyart.models.heads.registry import build_head_from_description
from keyart.models.hub import local_folder
from keyart.models.precision import autocast_for
from keyart.models.weights import digest, save_state
from keyart.utils.files import replacing_folder, write_text
from keyart.utils.former import current_names
from keyart.utils.own_random import own_random_numbers
from keyart.utils.reading import COPY_AGAIN, check_regular, faults_of, read_json

if TYPE_CHECKING:
    from keyart.images.any_image import AnyImage
    from keyart.images.pixel_cache import PixelCache
    from keyart.models.encoder import Encoder

FORMAT = 1
MAX_SIDE = 2048
"""Maximum height and width of a model's input in pixels."""
SPARE_BYTES = 64 << 20
"""What a model may take before it is fitted to an image size beyond what it saves, such as codes of positions."""
_JSON, _WEIGHTS, _FROZEN = "embedder.json", "model.safetensors", "frozen.safetensors"


class Embedder(nn.Module):
    """A backbone and a head: maps images to unit vectors.

    Args:
        backbone: Maps images to features.
        head: Maps features to vectors.

    Raises:
        ValueError: The head's input width differs from the backbone's output width.
    """

    def __init__(self, backbone: Backbone, head: Head) -> None:
        super().__init__()
        if backbone.feature_dim != head.feature_dim:
            raise ValueError(f"the backbone gives {backbone.feature_dim} features, the head wants {head.feature_dim}")
        self.backbone = backbone
        self.head = head

    @property
    def embedding_size(self) -> int:
        """Return the width E of the embeddings."""
        return self.head.embedding_size

    @property
    def pretrained_cfg(self) -> dict[str, Any]:
        """Return the configuration that timm's `resolve_model_data_config` reads, for `create_transform`.

        Mean and deviation are 0 and 1, because the embedder normalises images in [0, 1] itself.
        """
        return {
            "architecture": self.backbone.name,
            "input_size": (3, *self.backbone.image_size),
            "interpolation": "bicubic",
            "crop_pct": 1.0,
            "crop_mode": "squash",
            "mean": (0.0, 0.0, 0.0),
            "std": (1.0, 1.0, 1.0),
            "num_classes": 0,
            "num_features": self.embedding_size,
        }

    def preprocess(self, image: "AnyImage") -> Tensor:
        """Convert an image in any form to the input (3, H, W) in [0, 1], in the same way as the training posters.

        Raises:
            BadImage: The image cannot be used.
        """
        from keyart.images.any_image import to_pixels

        pixels = torch.from_numpy(to_pixels(image, self.backbone.image_size).copy())
        return to_images(pixels[None], torch.device("cpu"))[0]

    @property
    def branch_size(self) -> int:
        """Return the width of the vectors that a loss receives; see `branches`."""
        return self.head.branch_size

    def forward(self, images: Tensor, raw: bool = False) -> Tensor:
        """Compute the embeddings of images.

        Args:
            images: (B, 3, H, W) float in [0, 1].
            raw: Whether to skip the normalisation.

        Returns:
            (B, E) float32, L2-normalised unless ``raw``.
        """
        return self.from_features(self.backbone(images), raw)

    def from_features(self, features: Tensor, raw: bool = False) -> Tensor:
        """Compute embeddings in float32 from a backbone's features (B, D); see `forward`."""
        return self.from_transformed(self.transform(features), raw)

    def transform(self, features: Tensor) -> Tensor:
        """Apply the fixed part of the head to a backbone's features, (B, D) to (B, C) float32; see `Head.transform`."""
        with torch.autocast(features.device.type, enabled=False):
            return self.head.transform(features.float())

    def from_transformed(self, transformed: Tensor, raw: bool = False) -> Tensor:
        """Compute embeddings from the result of `transform`, (B, C); see `forward`."""
        with torch.autocast(transformed.device.type, enabled=False):
            vectors: Tensor = self.head(transformed)
            return vectors if raw else nn.functional.normalize(vectors, dim=1)

    def whole(self, transformed: Tensor) -> Tensor:
        """Return the head's branches side by side, (B, W), before `Head.reduce`, not normalised; see `Head.whole`."""
        with torch.autocast(transformed.device.type, enabled=False):
            return self.head.whole(transformed)

    def whole_of_images(self, images: Tensor) -> Tensor:
        """Return (B, W) from images (B, 3, H, W) in [0, 1]; see `whole`."""
        return self.whole(self.transform(self.backbone(images)))

    def from_whole(self, whole: Tensor) -> Tensor:
        """Reduce (B, W) from `whole` to (B, E): the same embeddings as those of `from_features`."""
        return nn.functional.normalize(self.head.reduce(whole), dim=1)

    def branches(self, transformed: Tensor) -> tuple[Tensor, ...]:
        """Return the raw vectors that a loss receives in training, each (B, `branch_size`), from (B, C)."""
        with torch.autocast(transformed.device.type, enabled=False):
            return self.head.branches(transformed)

    def encoder(self, device: torch.device | str | None = None, precision: str = "fp32") -> "Encoder":
        """Return a copy for inference, which embeds paths, PIL images, arrays and tensors: see `Encoder`."""
        from keyart.models.encoder import Encoder

        return Encoder(self, device, precision)

    def save(self, folder: Path | str, *, frozen_backbone: Backbone | None = None) -> None:
        """Write weights and a description, from which `load_embedder` rebuilds this embedder exactly.

        Args:
            folder: Created if it does not exist.
            frozen_backbone: The backbone before fine-tuning, whose features are the baseline. It is also written if it
                differs from the embedder's backbone. None means that the embedder's backbone is the baseline.
        """
        with replacing_folder(Path(folder), (_FROZEN, _WEIGHTS, _JSON)) as draft:
            frozen = None
            if frozen_backbone is not None and digest(frozen_backbone) != digest(self.backbone):
                save_state(frozen_backbone, draft / _FROZEN)
                frozen = frozen_backbone.describe()
            save_state(self, draft / _WEIGHTS)
            description = {
                "format": FORMAT,
                "backbone": self.backbone.describe(),
                "head": self.head.describe(),
                "frozen": frozen,
                "embedding_size": self.embedding_size,
                "branches": self.head.branch_sizes,
                "images": "RGB, float in [0, 1], (B, 3, height, width); the embedder normalises them itself",
            }
            write_text(draft / _JSON, json.dumps(description, indent=2) + "\n")


def load_embedder(folder: Path | str) -> Embedder:
    """Load the embedder that `Embedder.save` wrote, on the CPU, in evaluation mode.

    Args:
        folder: The folder; or one on the Hugging Face hub, ``hf-hub:user/name``.

    Raises:
        InputError: The folder contains no embedder, or a damaged one; or the hub does not have it.
    """
    folder = local_folder(folder)
    description = _read_description(folder)
    with faults_of(folder / _JSON, COPY_AGAIN), own_random_numbers():
        _check_size(folder / _WEIGHTS, description["backbone"], description["head"])
        embedder = Embedder(_backbone_from(description["backbone"]), build_head_from_description(description["head"]))
    _load_state(embedder, folder / _WEIGHTS)
    return embedder.eval()


def load_frozen(folder: Path | str) -> Backbone:
    """Load the backbone before training, the baseline of an embedder's evaluation, on the CPU.

    Raises:
        InputError: The folder contains no embedder, or a damaged one.
    """
    folder = Path(folder)
    description = _read_description(folder)
    if description.get("frozen") is None:
        return load_embedder(folder).backbone
    with faults_of(folder / _JSON, COPY_AGAIN), own_random_numbers():
        _check_size(folder / _FROZEN, description["frozen"])
        backbone = _backbone_from(description["frozen"])
    _load_state(backbone, folder / _FROZEN)
    return backbone.eval()


def embed(
    embedder: Callable[[Tensor], Tensor],
    pixels: "PixelCache",
    positions: Sequence[int] | np.ndarray | None = None,
    *,
    precision: str = "auto",
    batch_size: int = 64,
    device: torch.device | str | None = None,
    progress: Callable[[int, int], None] | None = None,
    whole: bool = False,
) -> Tensor:
    """Compute the embeddings of posters in batches.

    Args:
        embedder: An `Embedder`, or a `Backbone` for its features. A module is used in evaluation mode; afterwards its
            mode is restored.
        pixels: The posters.
        positions: Positions of the posters to embed; None for all.
        precision: ``auto``, ``fp32`` or ``bf16``, for the backbone.
        batch_size: Maximum number of posters per step (see `step_size`).
        device: Device for the computation; None for that of the module's parameters.
        progress: Called after each step with the number of finished posters and of all posters.
        whole: Whether to return the output of `Embedder.whole`.

    Returns:
        (N, E) float32 on the CPU, in the order of ``positions``; (N, W) with ``whole``.
    """
    requested = np.arange(len(pixels)) if positions is None else np.asarray(positions, dtype=np.int64)
    module = embedder if isinstance(embedder, nn.Module) else None
    if device is None:
        device = next((p.device for p in module.parameters()), torch.device("cpu")) if module else torch.device("cpu")
    device = torch.device(device)
    if module is not None:
        modes = {part: part.training for part in module.modules()}
        module.to(device).eval()
    done: list[Tensor] = []
    step = step_size(batch_size, device)
    compute = embedder.whole_of_images if whole and isinstance(embedder, Embedder) else embedder
    try:
        for start in range(0, len(requested), step):
            images = to_images(pixels.take(requested[start : start + step]), device)
            with torch.inference_mode(), autocast_for(device, precision):
                done.append(compute(images).float())
            if progress is not None:
                progress(min(start + step, len(requested)), len(requested))
    finally:
        if module is not None:
            for part, mode in modes.items():
                part.training = mode
    return torch.cat(done).cpu() if done else torch.empty(0, _width(embedder))


def feature_pieces(features: np.ndarray, rows: int = 1024) -> Iterator[Tensor]:
    """Yield features, which may be memory-mapped, in pieces of a few rows: (rows, D) float32 each."""
    for start in range(0, len(features), rows):
        yield torch.from_numpy(np.array(features[start : start + rows], dtype=np.float32))


@torch.inference_mode()
def transformed_features(embedder: Embedder, features: np.ndarray) -> Tensor:
    """Return (N, C), the result of `Embedder.transform` for features (N, D); only the result is held in memory."""
    done = torch.empty(len(features), embedder.head.transformed_dim)
    at = 0
    for rows in feature_pieces(features):
        done[at : at + len(rows)] = embedder.transform(rows)
        at += len(rows)
    return done


def step_size(batch_size: int, device: torch.device) -> int:
    """Return how many posters to embed per step; on CPUs, few enough that a layer's maps stay in the CPU cache.

    EfficientNet-Lite0 at 256×176 in bfloat16, with all stages pooled, takes 16.5 ms of CPU time per poster with 16
    posters per step, and 18.1 ms with 8. With fused batch norms, in float32, without pooling, it takes 9.9 and 9.1 ms.
    """
    return max(1, min(batch_size, 16) if device.type == "cpu" else batch_size)


def to_images(pixels: Tensor, device: torch.device) -> Tensor:
    """Convert uint8 (B, H, W, 3) on the CPU to float (B, 3, H, W) in [0, 1] on ``device``."""
    return pixels.to(device, non_blocking=True).permute(0, 3, 1, 2).float().div_(255)


def _width(embedder: Callable[[Tensor], Tensor]) -> int:
    return int(getattr(embedder, "embedding_size", getattr(embedder, "feature_dim", 0)))


def _check_size(weights: Path, backbone: dict[str, Any], head: dict[str, Any] | None = None) -> None:
    """Check that a description asks for little more memory than the file of its weights has, before it is built.

    Raises:
        ValueError: It asks for more, or for images larger than `MAX_SIDE`.
    """
    import timm

    for key in ("image_size", "multiscale_size"):
        if not all(1 <= side <= MAX_SIDE for side in backbone.get(key, ())):
            raise ValueError(f"{key} is {backbone[key]}, and the largest is {MAX_SIDE} pixels a side")
    with torch.device("meta"):  # shapes without numbers
        models = [timm.create_model(name, pretrained=False, num_classes=0) for name in list_names(backbone["name"])]
        tensors = [tensor for model in models for tensor in model.state_dict().values()]
        if head is not None:
            tensors += build_head_from_description(head).state_dict().values()
    needed = sum(tensor.nbytes for tensor in tensors)
    check_regular(weights)
    if needed > (held := weights.stat().st_size) + SPARE_BYTES:
        raise ValueError(f"the model takes {needed:,} bytes, and {weights.name} has {held:,}")


def _backbone_from(description: dict[str, Any]) -> Backbone:
    height, width = description["image_size"]
    return create_backbone(
        description["name"],
        weights="none",
        pooling=description["pooling"],
        image_size=(height, width),
        flip_average=description.get("flip_average", False),
        multiscale_size=tuple(description["multiscale_size"]) if "multiscale_size" in description else None,
    )


def _read_description(folder: Path) -> dict[str, Any]:
    path = folder / _JSON
    description = read_json(path, fix="name a finished run's folder")
    if description.get("format") != FORMAT:
        raise InputError(
            f"{path}: has format {description.get('format')}, this keyart reads {FORMAT}; use the keyart that wrote it"
        )
    return current_names(description)


def _load_state(module: nn.Module, path: Path) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        check_regular(path)
        module.load_state_dict(load_file(path), strict=True)
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError(f"{path}: missing, damaged or of another version ({reason}); copy the run again") from error
