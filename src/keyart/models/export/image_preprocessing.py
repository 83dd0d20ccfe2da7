"""Description of the preprocessing that an exported embedder needs, so that other programs can reproduce it."""

from typing import Any

from keyart.images.decode import MAX_STRETCH
from keyart.models.embedder import Embedder


def describe_preprocessing(embedder: Embedder) -> dict[str, Any]:
    """Describe each step from an image file to the model's input, and the output, as plain values."""
    backbone = embedder.backbone
    height, width = backbone.image_size
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
            "mean": [float(value) for value in backbone.mean.flatten()],
            "std": [float(value) for value in backbone.std.flatten()],
        },
        "output": {
            "name": "embedding",
            "type": "float32",
            "shape": ["batch", embedder.embedding_size],
            "length": "1 (L2-normalised): inner products are cosine similarities",
        },
    }
