"""Pooling of feature maps to vectors: generalised means, moments, covariances, halves, grids, colours."""

import torch
from torch import Tensor, nn

COLOUR_BINS = 8


def to_map(final: Tensor, channels: int, prefix_tokens: int, grid: tuple[int, int] | None = None) -> Tensor:
    """Convert a backbone's last features from the layout of its architecture to (B, C, H, W).

    Args:
        final: (B, C, H, W), (B, H, W, C), or tokens (B, P + H · W, C).
        channels: C.
        prefix_tokens: P, number of class and register tokens before the patch tokens.
        grid: (H, W) of the tokens; None arranges them in one column.

    Returns:
        (B, C, H, W).
    """
    if final.ndim == 4:
        return final if final.shape[1] == channels else final.permute(0, 3, 1, 2)
    patches = final[:, prefix_tokens:].transpose(1, 2)
    if grid is None or grid[0] * grid[1] != patches.shape[2]:
        return patches.unsqueeze(3)
    return patches.unflatten(2, grid)


def generalised_mean(features: Tensor, p: float = 3.0) -> Tensor:
    """Apply GeM pooling, (mean over positions of max(x, ε)^p)^(1/p).

    It is equation 3 of Radenović et al. 2018 (arXiv 1711.02512).

    Args:
        features: (B, C, H, W).
        p: 1 is the mean, infinity the maximum.

    Returns:
        (B, C).
    """
    positive = features.clamp(min=1e-6)
    # Powers of values relative to the largest cannot overflow; the result is the same.
    largest = positive.detach().amax(dim=(2, 3), keepdim=True)
    return (positive / largest).pow(p).mean(dim=(2, 3)).pow(1 / p) * largest.flatten(1)


def moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """Compute mean and standard deviation over the positions of (B, C, H, W): two (B, C)."""
    variance, mean = torch.var_mean(features, dim=(2, 3), correction=0)
    return mean, variance.clamp(min=1e-12).sqrt()


def halves(features: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the means of the upper and the lower half of (B, C, H, W): two (B, C). A middle row belongs to both."""
    rows = features.shape[2]
    return features[:, :, : (rows + 1) // 2].mean(dim=(2, 3)), features[:, :, rows // 2 :].mean(dim=(2, 3))


def colour_histogram(images: Tensor, bins: int = COLOUR_BINS) -> Tensor:
    """Compute the share of pixels in each of ``bins`` equal bins, per channel.

    Args:
        images: (B, 3, H, W) in [0, 1].
        bins: Bins per channel.

    Returns:
        (B, 3 · bins) float32; the bins of a channel sum to 1.

    Examples:
        >>> colour_histogram(torch.tensor([0.0, 0.5, 1.0]).view(1, 3, 1, 1), bins=2)
        tensor([[1., 0., 0., 1., 0., 1.]])
    """
    with torch.no_grad():
        above = [(images >= edge / bins).float().mean(dim=(2, 3)) for edge in range(1, bins)]
        ones = torch.ones_like(above[0])
        stacked = torch.stack([ones, *above, torch.zeros_like(ones)], dim=2)
        return (stacked[:, :, :-1] - stacked[:, :, 1:]).flatten(1)


def grid_means(features: Tensor, grid: tuple[int, int]) -> Tensor:
    """Compute the means of the cells of a grid over (B, C, H, W): (B, C · rows · columns)."""
    if not torch.compiler.is_compiling():
        return nn.functional.adaptive_avg_pool2d(features, grid).flatten(1)
    # The same as two products: exporters write an adaptive pooling as hundreds of sums of single positions.
    rows, columns = (cell_weights(features.shape[axis + 2], grid[axis]).to(features) for axis in (0, 1))
    return ((features @ columns.T).transpose(2, 3) @ rows.T).transpose(2, 3).flatten(1)


def cell_weights(length: int, cells: int) -> Tensor:
    """Return (cells, length) weights of positions in the means of cells, as adaptive average pooling divides them.

    Examples:
        >>> cell_weights(3, 2)
        tensor([[0.5000, 0.5000, 0.0000],
                [0.0000, 0.5000, 0.5000]])
    """
    bounds = [(cell * length // cells, -(-(cell + 1) * length // cells)) for cell in range(cells)]
    return torch.tensor([[(a <= i < b) / (b - a) for i in range(length)] for a, b in bounds])


def covariances(features: Tensor, mix: Tensor | None = None) -> Tensor:
    """Compute the covariances of channels over positions, each pair once.

    Args:
        features: (B, C, H, W).
        mix: (C, M) matrix that first maps the channels to M others; None for none.

    Returns:
        (B, M (M + 1) / 2), the upper triangle of each matrix row by row.
    """
    flat = features.flatten(2)
    if mix is not None:
        flat = mix.T @ flat
    flat = flat - flat.mean(dim=2, keepdim=True)
    full = flat @ flat.transpose(1, 2) / flat.shape[2]
    rows, columns = torch.triu_indices(full.shape[1], full.shape[1], device=full.device)
    return full[:, rows, columns]
