"""Parameter groups of the optimizer: weight decay and learning rate of each layer."""

from collections.abc import Callable
from typing import Any

from torch import nn
from torch.optim import AdamW, Optimizer

from keyart.models.backbone import Backbone, TimmBackbone

OptimizerFactory = Callable[[list[dict[str, Any]]], Optimizer]
"""Function that creates an optimizer from parameter groups; each contains its own ``lr`` and ``weight_decay``."""


def fused_adamw(groups: list[dict[str, Any]]) -> Optimizer:
    """Create an AdamW (Loshchilov & Hutter 2019, arXiv 1711.05101) that reads each parameter's memory once."""
    return AdamW(groups, fused=True)


def decay_groups(module: nn.Module, role: str, lr: float, weight_decay: float) -> list[dict[str, Any]]:
    """Return the parameter groups of a module: matrices with weight decay, vectors (biases, norms) without.

    Empty groups are left out.
    """
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    split = {
        weight_decay: [parameter for parameter in parameters if parameter.ndim > 1],
        0.0: [parameter for parameter in parameters if parameter.ndim <= 1],
    }
    if weight_decay == 0:
        split = {0.0: parameters}
    return [{"params": some, "lr": lr, "weight_decay": decay, "role": role} for decay, some in split.items() if some]


def freeze_lowest(backbone: Backbone, share: float) -> None:
    """Freeze a share of the backbone's layers, as timm groups them, from the lowest up.

    Args:
        backbone: The layers of each of its networks are counted separately.
        share: From 0 (none) to 1 (all but the topmost layer).
    """
    for network in backbone.networks:
        scales = {id(p): group["lr_scale"] for group in _timm_groups(network, 0.0, 0.5) for p in group["params"]}
        layers = sorted(set(scales.values()))
        frozen = set(layers[: min(round(share * len(layers)), len(layers) - 1)])
        for parameter in network.parameters():
            if scales.get(id(parameter)) in frozen:
                parameter.requires_grad_(False)


def layer_groups(backbone: Backbone, lr: float, weight_decay: float, layer_decay: float) -> list[dict[str, Any]]:
    """Return a group per layer of each network of the backbone, as timm groups them, with layer-wise rate decay.

    The topmost layer of a network learns at ``lr``, each layer below at ``layer_decay`` times the rate of that above.
    """
    return [group for network in backbone.networks for group in _layers(network, lr, weight_decay, layer_decay)]


def _layers(network: TimmBackbone, lr: float, weight_decay: float, layer_decay: float) -> list[dict[str, Any]]:
    groups = _timm_groups(network, weight_decay, layer_decay)
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


def _timm_groups(network: TimmBackbone, weight_decay: float, layer_decay: float) -> list[dict[str, Any]]:
    """Return timm's groups of the trainable parameters; ``lr_scale`` shrinks by ``layer_decay`` per layer downwards."""
    from timm.optim import param_groups_layer_decay  # type: ignore[attr-defined]

    model = network.model
    exempt = model.no_weight_decay() if hasattr(model, "no_weight_decay") else ()
    groups: list[dict[str, Any]] = param_groups_layer_decay(
        model, weight_decay=weight_decay, no_weight_decay_list=exempt, layer_decay=layer_decay
    )
    return groups
