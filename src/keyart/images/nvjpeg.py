"""JPEG decoding on the GPU with nvJPEG, if torchvision supports it."""

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional as F

from keyart.errors import InputError
from keyart.images.decode import crop_box, has_one_scan, lengthened, plain_jpeg_size

# Images per decoding call: whole images are in GPU memory, 36 MB for each image of 12 megapixels.
_GROUP = 32


def check_nvjpeg() -> None:
    """Check that JPEG decoding on the GPU is available.

    Raises:
        InputError: There is no GPU, or torchvision was built without nvJPEG.
    """
    if not torch.cuda.is_available():
        raise InputError(
            "torch finds no GPU; leave it out, or use a machine that has one", parameter="decoder", value="nvjpeg"
        )
    import torchvision.io  # noqa: F401  (it registers the operators in torch)

    if not hasattr(torch.ops.image, "decode_jpegs_cuda"):
        raise InputError("this torchvision was built without nvJPEG; leave it out", parameter="decoder", value="nvjpeg")


def decode_jpegs(
    files: Sequence[bytes], image_size: tuple[int, int], device: torch.device | str
) -> list[np.ndarray | None]:
    """Decode ordinary JPEG files on a device; all other files are left to `decode_poster`.

    nvJPEG has no DCT scaling. So images are decoded at full size, their edges are cropped as in `decode_poster`, but to
    whole pixels, and torch's antialiased bicubic filter resizes them. The pixels therefore differ a little from those
    of `decode_poster`.

    Args:
        files: The files' contents.
        image_size: Target (height, width) in pixels.
        device: The device for decoding.

    Returns:
        For each file (height, width, 3) uint8 RGB, or None if it is not a grey or RGB JPEG, needs rotation, has an
        unacceptable size, cannot be decoded, or is truncated.
    """
    found: list[np.ndarray | None] = [None] * len(files)
    fit = [at for at, data in enumerate(files) if plain_jpeg_size(data) is not None]
    for start in range(0, len(fit), _GROUP):
        group = fit[start : start + _GROUP]
        whole = _whole([files[at] for at in group], device)
        created = [
            (at, _resized(image, image_size)) for at, image in zip(group, whole, strict=True) if image is not None
        ]
        if created:
            rows = torch.stack([image for _, image in created]).cpu().numpy()
            for (at, _), row in zip(created, rows, strict=True):
                found[at] = row
    return found


def _whole(files: list[bytes], device: torch.device | str) -> list[torch.Tensor | None]:
    """Decode files with `_decoded`; return None for truncated images and for shapes that differ from the header."""
    images = _decoded(files, device)
    for at, (data, image) in enumerate(zip(files, images, strict=True)):
        if image is not None and (3, *reversed(plain_jpeg_size(data) or ())) != tuple(image.shape):
            images[at] = None
    unsure = [
        at
        for at, (data, image) in enumerate(zip(files, images, strict=True))
        if image is not None and not (has_one_scan(data) and _varies(image[:, -8:, -8:]))
    ]
    for at, longer in zip(unsure, _decoded([lengthened(files[at]) for at in unsure], device), strict=True):
        image = images[at]
        if image is None or longer is None or not torch.equal(image, longer):
            images[at] = None
    return images


def _varies(block: torch.Tensor) -> bool:
    return bool((block != block[:, :1, :1]).any())


def _decoded(files: list[bytes], device: torch.device | str) -> list[torch.Tensor | None]:
    """Return (3, H, W) uint8 of each file, or None; a file that cannot be decoded does not affect the others."""
    from torchvision.io import ImageReadMode, decode_jpeg

    if not files:
        return []
    raw = [torch.frombuffer(bytearray(data), dtype=torch.uint8) for data in files]
    try:
        images: list[torch.Tensor | None] = list(decode_jpeg(raw, mode=ImageReadMode.RGB, device=device))
    except RuntimeError:
        return [None] if len(files) == 1 else [image for data in files for image in _decoded([data], device)]
    return images


def _resized(image: torch.Tensor, image_size: tuple[int, int]) -> torch.Tensor:
    """Crop and resize (3, H, W) uint8 to (height, width, 3) uint8."""
    height, width = image.shape[1:]
    box = crop_box((width, height), (image_size[1], image_size[0]))
    left, top, right, bottom = (round(edge) for edge in box)
    kept = image[None, :, top:bottom, left:right].to(torch.float32)
    small = F.interpolate(kept, size=image_size, mode="bicubic", antialias=True, align_corners=False)
    return small[0].round_().clamp_(0, 255).to(torch.uint8).permute(1, 2, 0)
