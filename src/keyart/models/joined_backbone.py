"""Several backbones side by side: each sees the same images, and their features are joined."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from keyart.models.backbone import Backbone, TimmBackbone
from keyart.models.backbone_names import join_names


class JoinedBackbone(Backbone):
    """Several timm models side by side.

    The pooled features of all n networks come first. Each network's are divided by their length and by √n, so that the
    cosine of two images is the mean of the networks' cosines, however wide their features are. Then come the columns
    that the pooling adds, unchanged, in groups named ``<network>/<group>``; heads standardise them.

    Each network normalises the images by its own mean and standard deviation. Those that require an input size of their
    own resize them.

    Use `create_backbone` with several names to create one.

    Args:
        networks: Two or more, with different names, for images of one size.
    """

    def __init__(self, networks: Sequence[TimmBackbone]) -> None:
        super().__init__()
        self.members = nn.ModuleList(networks)
        first = networks[0]
        self.name = join_names([network.name for network in networks])
        self.pooling, self.image_size = first.pooling, first.image_size
        end = sum(network.num_features for network in networks)
        self.groups = {"pooled": (0, end)}
        for network in networks:
            shift = end - network.num_features
            for name, (start, stop) in network.groups.items():
                if name != "pooled":
                    self.groups[f"{network.name}/{name}"] = (start + shift, stop + shift)
            end += network.feature_dim - network.num_features

    @property
    def networks(self) -> tuple[TimmBackbone, ...]:
        """Return the backbones in their order."""
        return tuple(self.members)  # type: ignore[arg-type]

    def forward(self, images: Tensor) -> Tensor:
        """Compute the features of images.

        Args:
            images: (B, 3, H, W) float in [0, 1].

        Returns:
            (B, `feature_dim`) float32.
        """
        return self.combine([network(images) for network in self.networks])

    def combine(self, features: Sequence[Tensor]) -> Tensor:
        """Join the features of the networks; see above."""
        pooled, added = [], []
        for network, own in zip(self.networks, features, strict=True):
            unit = nn.functional.normalize(own[:, : network.num_features], dim=1)
            pooled.append(unit / len(features) ** 0.5)
            if network.feature_dim > network.num_features:
                added.append(own[:, network.num_features :])
        return torch.cat([*pooled, *added], dim=1)

    def describe(self) -> dict[str, Any]:
        """Return the arguments that rebuild it; see `Backbone`."""
        return self.networks[0].describe() | {"name": [network.name for network in self.networks]}

    def extra_repr(self) -> str:
        """Return the width for printing."""
        return f"feature_dim={self.feature_dim}"
