"""Export of a backbone as timm weights, together with the head."""

from pathlib import Path
from typing import Any

from keyart.errors import InputError
from keyart.models.backbone import TimmBackbone
from keyart.models.embedder import Embedder
from keyart.models.weights import save_state
from keyart.utils.files import write_json


def write_timm(embedder: Embedder, folder: Path) -> None:
    """Write the backbone in timm's format, and the head as a file that `keyart.models.heads.registry` reads.

    timm loads ``model.safetensors`` and ``config.json`` by
    ``timm.create_model(architecture, num_classes=0, checkpoint_path=…/model.safetensors, **model_args)``, with the
    architecture and the arguments in ``config.json``, or by ``timm.create_model("local-dir:…")``.

    Args:
        embedder: The embedder; its backbone may be fine-tuned.
        folder: An existing folder.

    Raises:
        InputError: The backbone consists of several timm models.
    """
    backbone, *others = embedder.backbone.networks
    if others:
        raise InputError(
            f"timm's format holds one model, not {embedder.backbone.name}; take ``target=onnx``",
            parameter="target",
            value="timm",
        )
    save_state(backbone.model, folder / "model.safetensors", {"format": "pt"})
    write_json(folder / "config.json", timm_config(backbone))
    save_state(embedder.head, folder / "head.safetensors", {"format": "pt"})
    write_json(
        folder / "head.json",
        {
            "head": embedder.head.describe(),
            "takes": "what the backbone gives: timm's pooled features"
            if backbone.added_pooling is None
            else "what keyart's pooling makes of the backbone's maps",
            "backbone": backbone.describe(),
            "feature_dim": backbone.feature_dim,
            "then": "divide each vector by its length",
        },
    )


def timm_config(backbone: TimmBackbone) -> dict[str, Any]:
    """Return the ``config.json`` of timm's hub format for a backbone without a classifier."""
    model = backbone.model
    known: dict[str, Any] = dict(model.pretrained_cfg)
    source = ("url", "file", "state_dict", "hf_hub_id", "hf_hub_filename", "source", "architecture", "notes", "tag")
    kept = {key: value for key, value in known.items() if key not in source and value is not None}
    resized = backbone.input_size is not None and hasattr(model, "set_input_size")
    height, width = backbone.input_size or backbone.image_size
    kept |= {
        "input_size": [3, height, width],
        "num_classes": 0,
        "interpolation": "bicubic",
        "crop_pct": 1.0,
        "crop_mode": "squash",
        "mean": [float(value) for value in backbone.mean.flatten()],
        "std": [float(value) for value in backbone.std.flatten()],
        "custom_load": False,
    }
    for gone in ("test_input_size", "test_crop_pct", "label_offset", "label_names", "label_descriptions", "pool_size"):
        kept.pop(gone, None)
    record: dict[str, Any] = {
        "architecture": backbone.name.partition(".")[0],
        "num_classes": 0,
        "num_features": int(model.num_features),
    }
    if isinstance(getattr(model, "global_pool", None), str):
        record["global_pool"] = model.global_pool
    if resized:
        record["model_args"] = {"img_size": [height, width]}
    return record | {"pretrained_cfg": kept}
