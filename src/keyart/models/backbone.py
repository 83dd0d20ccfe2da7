"""Backbones: any timm model, from images in [0, 1] to pooled features."""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from keyart.errors import InputError
from keyart.models.pooling import colour_histogram, to_map
from keyart.models.poolings.base import Groups, Maps
from keyart.models.poolings.registry import create_pooling
from keyart.utils.former import rename_modules


class Backbone(nn.Module, ABC):
    """Maps images (B, 3, H, W) in [0, 1] to features (B, D): a `TimmBackbone`, or several in a `JoinedBackbone`.

    Attributes:
        name: The name of its timm model, or of several.
        pooling: A name in `POOLINGS`.
        image_size: (height, width) of the input images.
        groups: First and last column + 1 of each group of the output: ``pooled``, and the groups that the pooling adds.
    """

    name: str
    pooling: str
    image_size: tuple[int, int]
    groups: Groups

    @property
    def num_features(self) -> int:
        """Return the number of pooled features: the first columns of the output."""
        return self.groups["pooled"][1]

    @property
    def feature_dim(self) -> int:
        """Return the number D of features."""
        return max(stop for _, stop in self.groups.values())

    @property
    @abstractmethod
    def networks(self) -> "tuple[TimmBackbone, ...]":
        """Return the backbones of one timm model each that it consists of."""

    @abstractmethod
    def combine(self, features: Sequence[Tensor]) -> Tensor:
        """Combine the features of the `networks`, (B, Dᵢ) each, into this backbone's features (B, D)."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Return the arguments with which `create_backbone` rebuilds it (without weights), as plain values."""


class TimmBackbone(Backbone):
    """A timm model without its classifier, with normalisation before it and pooling after it.

    The first `num_features` columns of the output are timm's own pooled features for every ``pooling``:

    - ``avg``: only these (each architecture's own final pooling: a mean for most, the class token for many ViTs).
    - ``gem``, ``depths``, ``added_pooling``: also the groups of a class in `keyart.models.poolings`.

    With ``flip_average``, the additional columns are the mean over the image and its mirror image; the first columns
    remain timm's. With ``multiscale_size``, the additional columns are computed from the images resized to it: networks
    extract more from the same pixels if the image is larger than those that they were trained on (Touvron et al. 2019,
    arXiv 1906.06423).

    The network may compute in bfloat16 under autocast; the pooling and the output are always float32. The statistics of
    batch norms never change: batch norms stay in evaluation mode while the rest trains.

    Use `create_backbone` to create one.

    Args:
        model: A timm model whose classifier has been removed.
        name: Its timm name.
        pooling: See above.
        flip_average: See above; needs a pooling that adds columns.
        multiscale_size: (height, width), see above; None does not resize the images.
        image_size: (height, width) of the input images.
        input_size: (height, width) that the network requires; images are resized to it. None if it takes any size.

    Raises:
        InputError: The architecture does not support this pooling, or images of this size.
    """

    model: Any
    mean: Tensor
    std: Tensor

    def __init__(
        self,
        model: Any,
        *,
        name: str,
        pooling: str,
        image_size: tuple[int, int],
        input_size: tuple[int, int] | None = None,
        flip_average: bool = False,
        multiscale_size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self._memory_format = _memory_format(model)
        self.model = model.to(memory_format=self._memory_format)
        self.name = name
        self.pooling = pooling
        self.flip_average, self.multiscale_size = flip_average, multiscale_size
        self.image_size = image_size
        self.input_size = input_size
        cfg: dict[str, Any] = model.pretrained_cfg
        self.register_buffer("mean", torch.tensor(cfg["mean"]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(cfg["std"]).view(1, 3, 1, 1))
        self.added_pooling = create_pooling(pooling)
        self._stages, self._asked = (
            ([], {}) if self.added_pooling is None else self.added_pooling.requested_stages(model, name, pooling)
        )
        self.groups = self._measure()

    @property
    def networks(self) -> "tuple[TimmBackbone, ...]":
        """Return this backbone."""
        return (self,)

    def combine(self, features: Sequence[Tensor]) -> Tensor:
        """Return the features as they are."""
        (own,) = features
        return own

    def forward(self, images: Tensor) -> Tensor:
        """Compute the features of images.

        Args:
            images: (B, 3, H, W) float in [0, 1].

        Returns:
            (B, `feature_dim`) float32.
        """
        return torch.cat(list(self._parts(images).values()), dim=1)

    def _parts(self, images: Tensor) -> dict[str, Tensor]:
        """Return the pooled features, then the groups that the pooling adds, by name."""
        return self.join([self.pool(self.feature_maps(view)) for view in self.views(images)])

    def views(self, images: Tensor) -> list[Tensor]:
        """Return the views of images (B, 3, H, W) that the network gets: plain, then resized and mirrored if set."""
        views = [images]
        if self.multiscale_size is not None:
            views.append(nn.functional.interpolate(images, self.multiscale_size, mode="bilinear", antialias=True))
        if self.flip_average:
            views.append(views[-1].flip(3))
        return views

    def feature_maps(self, view: Tensor) -> Maps:
        """Compute the feature maps of one of the `views`."""
        x = ((view - self.mean) / self.std).contiguous(memory_format=self._memory_format)
        if self.input_size is not None and x.shape[2:] != self.input_size:
            x = nn.functional.interpolate(x, self.input_size, mode="bilinear", antialias=True)
        stages: Sequence[Tensor] = []
        if self._stages:
            final, stages = self.model.forward_intermediates(x, indices=self._stages, output_fmt="NCHW", **self._asked)
        else:
            final = self.model.forward_features(x)
        return Maps(
            final,
            tuple(stages),
            colour_histogram(view.float()) if self.added_pooling and self.added_pooling.colours else None,
        )

    def pool(self, maps: Maps) -> dict[str, Tensor]:
        """Pool the feature maps of one view: float32 pooled features, then the groups added by the pooling, by name."""
        final, stages = maps.final, maps.stages
        with torch.autocast(self.mean.device.type, enabled=False):
            final = final.float() if isinstance(final, Tensor) else final
            parts = {"pooled": self.model.forward_head(final, pre_logits=True).float()}
            if self.added_pooling is None:
                return parts
            grid = (int(stages[-1].shape[2]), int(stages[-1].shape[3])) if stages else None
            last = to_map(final, self.model.num_features, getattr(self.model, "num_prefix_tokens", 0), grid)
            return parts | self.added_pooling(last, maps)

    def join(self, pooled: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
        """Combine the pooled features of the `views` of images into the images' features, by name."""
        parts, *others = pooled
        if self.multiscale_size is not None:
            parts = parts | _added(others.pop(0))
        if self.flip_average:
            parts = parts | {name: (parts[name] + part) / 2 for name, part in _added(others[0]).items()}
        return parts

    @torch.no_grad()
    def _measure(self) -> Groups:
        """Measure the groups of columns on one black image; this also checks the image size."""
        self.eval()
        height, width = self.image_size
        try:
            parts = self._parts(torch.zeros(1, 3, height, width, device=self.mean.device))
        except Exception as error:
            reason = str(error).partition("\n")[0]
            raise InputError(
                f"model.backbone={self.name} cannot take data.image_size={height},{width} with "
                f"model.pooling={self.pooling} ({type(error).__name__}: {reason}); change one of the three"
            ) from error
        ends = list(itertools.accumulate(part.shape[1] for part in parts.values()))
        return dict(zip(parts, zip([0, *ends], ends, strict=False), strict=True))

    def train(self, mode: bool = True) -> "TimmBackbone":
        """Set training or evaluation mode; batch norms always stay in evaluation mode."""
        super().train(mode)
        for module in self.model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
        return self

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        rename_modules(state_dict, prefix)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def describe(self) -> dict[str, Any]:
        """Return the arguments that rebuild it; see `Backbone`."""
        record: dict[str, Any] = {"name": self.name, "pooling": self.pooling, "image_size": list(self.image_size)}
        if self.flip_average:
            record["flip_average"] = True
        if self.multiscale_size is not None:
            record["multiscale_size"] = list(self.multiscale_size)
        return record

    def extra_repr(self) -> str:
        """Return name, pooling and width for printing."""
        return f"{self.name}, pooling={self.pooling}, feature_dim={self.feature_dim}"


def _added(parts: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return all groups except the pooled features."""
    return {name: part for name, part in parts.items() if name != "pooled"}


def _memory_format(model: nn.Module) -> torch.memory_format:
    """Return the memory format of a network: channels last, except for networks whose backward pass it crashes.

    CPUs and tensor cores are faster with channels last. But in torch 2.14 on CPU, the weight gradient of a strided 1×1
    convolution of fewer than 16 channels writes out of bounds in that layout (in the stems of RepVGG and FastViT).
    """
    for module in model.modules():
        if not isinstance(module, nn.Conv2d):
            continue
        if module.kernel_size == (1, 1) and max(module.stride) > 1 and module.in_channels < 16:
            return torch.contiguous_format
    return torch.channels_last
