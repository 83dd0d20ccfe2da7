"""Description of the preprocessing that an exported embedder needs, so that other programs can reproduce it."""

from typing import Any

from keyart.images.decode import MAX_STRETCH
from keyart.models.backbone import TimmBackbone
from keyart.models.embedder import Embedder


def pixel_lines(about: dict[str, Any]) -> str:
    """Return the lines of Python that read an image file into the model's input, from `describe_preprocessing`."""
    _, _, height, width = about["input"]["shape"]
    return f"""import numpy as np
from PIL import Image, ImageOps

height, width = {height}, {width}
image = Image.open("poster.jpg")  # put transparent parts on white before the next lines
scale = 2 * max(width / image.width, height / image.height)
image.draft(None, (int(np.ceil(scale * image.width)), int(np.ceil(scale * image.height))))
image = ImageOps.exif_transpose(image).convert("RGB")
stretch = (image.width / image.height) / (width / height)
w, h = image.width * min(1, {MAX_STRETCH} / stretch), image.height * min(1, {MAX_STRETCH} * stretch)
left, top = (image.width - w) / 2, (image.height - h) / 2
image = image.resize((width, height), Image.Resampling.BICUBIC, (left, top, left + w, top + h), 3.0)
images = np.asarray(image, dtype=np.float32).transpose(2, 0, 1)[None] / 255"""


def describe_preprocessing(embedder: Embedder) -> dict[str, Any]:
    """Describe each step from an image file to the model's input, and the output, as plain values."""
    networks = embedder.backbone.networks
    height, width = embedder.backbone.image_size
    return {
        "input": {
            "name": "images",
            "type": "float32",
            "layout": "NCHW",
            "shape": ["batch", 3, height, width],
            "channels": "RGB",
            "range": [0, 1],
        },
        "steps": [
            {"do": "orient", "as": "the EXIF orientation says"},
            {"do": "convert", "to": "RGB, 8 bits a channel", "transparent_parts": "white"},
            {
                "do": "crop",
                "most_stretch": MAX_STRETCH,
                "as": "centred; with s = (w / h) / (width / height): to w · min(1, most_stretch / s) by "
                "h · min(1, most_stretch · s), fractions of pixels kept (the box of the next step)",
            },
            {
                "do": "resize",
                "height": height,
                "width": width,
                "method": "bicubic",
                "antialias": True,
                "as": "Pillow's Image.resize((width, height), Resampling.BICUBIC, box=…, reducing_gap=3.0)",
                "jpeg": "first reduced while decoding (DCT scaling) to no less than twice the requested size: "
                "Image.draft(None, …); without this pixels differ by a few of 255",
            },
            {"do": "divide", "by": 255},
        ],
        "normalisation": {
            "where": "inside the graph",
            **(
                _normalisation(networks[0])
                if len(networks) == 1
                else {one.name: _normalisation(one) for one in networks}
            ),
        },
        "output": {
            "name": "embedding",
            "type": "float32",
            "shape": ["batch", embedder.embedding_size],
            "length": "1 (L2-normalised): inner products are cosine similarities",
        },
    }


def _normalisation(network: TimmBackbone) -> dict[str, list[float]]:
    """Return mean and standard deviation of each channel."""
    return {name: [float(value) for value in getattr(network, name).flatten()] for name in ("mean", "std")}
