"""The optimizer's parameter groups: which parameters decay, and at which rate each layer learns."""

from typing import Any

from torch import nn


def decay_groups(module: nn.Module, role: str, lr: float, weight_decay: float) -> list[dict[str, Any]]:
    """Matrices with weight decay, vectors (biases, norms) without; empty groups left out."""
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    split = {
        weight_decay: [parameter for parameter in parameters if parameter.ndim > 1],
        0.0: [parameter for parameter in parameters if parameter.ndim <= 1],
    }
    if weight_decay == 0:
        split = {0.0: parameters}
    return [{"params": some, "lr": lr, "weight_decay": decay, "role": role} for decay, some in split.items() if some]


def freeze_lowest(backbone: nn.Module, share: float) -> None:
    """Take the gradient from a share of the backbone's layers as timm groups them, the lowest ones.

    Args:
        backbone: Its ``model`` is a timm model.
        share: From 0, none, to 1, all but the topmost layer.
    """
    scales = {id(p): group["lr_scale"] for group in _timm_groups(backbone, 0.0, 0.5) for p in group["params"]}
    layers = sorted(set(scales.values()))
    frozen = set(layers[: min(round(share * len(layers)), len(layers) - 1)])
    for parameter in backbone.parameters():
        if scales.get(id(parameter)) in frozen:
            parameter.requires_grad_(False)


def layer_groups(backbone: nn.Module, lr: float, weight_decay: float, layer_decay: float) -> list[dict[str, Any]]:
    """The backbone's layers as timm groups them; the topmost learns at ``lr``, each below at ``layer_decay`` of it."""
    groups = _timm_groups(backbone, weight_decay, layer_decay)
    top = max(group["lr_scale"] for group in groups)
    return [
        {
            "params": group["params"],
            "lr": lr * group["lr_scale"] / top,
            "weight_decay": group["weight_decay"],
            "role": "backbone",
        }
        for group in groups
    ]


def _timm_groups(backbone: nn.Module, weight_decay: float, layer_decay: float) -> list[dict[str, Any]]:
    """Timm's groups of the parameters that learn; ``lr_scale`` falls by ``layer_decay`` from layer to layer."""
    from timm.optim import param_groups_layer_decay  # type: ignore[attr-defined]

    model: Any = backbone.model
    exempt = model.no_weight_decay() if hasattr(model, "no_weight_decay") else ()
    groups: list[dict[str, Any]] = param_groups_layer_decay(
        model, weight_decay=weight_decay, no_weight_decay_list=exempt, layer_decay=layer_decay
    )
    return groups
