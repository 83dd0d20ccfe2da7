"""Names of backbones, of one timm model or of several side by side. Nothing here imports torch."""

from collections.abc import Sequence

from keyart.errors import InputError


def list_names(backbone: str | Sequence[str], weights: str = "pretrained") -> list[str]:
    """Return the names of a backbone's timm models.

    Args:
        backbone: One name, or several.
        weights: ``pretrained``, ``none`` or a file.

    Raises:
        InputError: There is no name, a model is named twice, or a file of weights is to serve several models.

    Examples:
        >>> list_names("resnet18"), list_names(["resnet18", "resnet50"])
        (['resnet18'], ['resnet18', 'resnet50'])
    """
    names = [backbone] if isinstance(backbone, str) else list(backbone)
    if not names or len({*names}) < len(names):
        raise InputError(f"model.backbone=[{','.join(names)}]: name each timm model once, and at least one")
    if len(names) > 1 and weights not in ("pretrained", "none"):
        raise InputError(
            f"model.weights={weights}: one file cannot hold the weights of the {len(names)} models of model.backbone; "
            "set model.weights=pretrained or none, or name one model"
        )
    return names


def join_names(backbone: str | Sequence[str]) -> str:
    """Return the names of a backbone's timm models as one text.

    Examples:
        >>> join_names("resnet18"), join_names(["resnet18", "resnet50"])
        ('resnet18', 'resnet18 + resnet50')
    """
    return " + ".join(list_names(backbone))
