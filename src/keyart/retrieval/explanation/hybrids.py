"""Hybrid images: each of the cues colour, texture, layout and content is taken from one of two posters."""

from dataclasses import dataclass

import torch
from torch import Tensor

CUES = ("colour", "texture", "layout", "content")
"""The kinds of cue, in the order of the bits of a coalition: bit 0 is colour."""
LAYOUT_CYCLES = 3.0
"""Standard deviation, in cycles per image, of the Gaussian that separates layout from detail."""
TEXTURE_REACH = 1 / 32
"""Standard deviation, in heights of the image, of the window in which pixels count as texture."""
NOISE = 4 / 255
"""Standard deviation of colours below which a variation counts as noise and is not amplified."""


@dataclass(frozen=True, eq=False)
class Cues:
    """The cues of one image (3, H, W).

    Attributes:
        mean: (3, 1) mean RGB colour.
        root: (3, 3) square root of the covariance of its colours; with the mean, this is *colour*.
        spectrum: (3, H, W // 2 + 1) complex, Fourier coefficients of the image in decorrelated colours. The low
            frequencies are *layout*, the high ones hold *texture* and *content*.
        envelope: Root of the smoothed power spectrum, of the same shape: *texture*.
    """

    mean: Tensor
    root: Tensor
    spectrum: Tensor
    envelope: Tensor


def find_cues(image: Tensor) -> Cues:
    """Separate an image (3, H, W) in [0, 1] into its cues."""
    flat = image.flatten(1)
    mean = flat.mean(1, keepdim=True)
    root, inverse = _roots(torch.cov(flat, correction=0) + NOISE**2 * torch.eye(3))
    spectrum = torch.fft.rfft2((inverse @ (flat - mean)).view_as(image))
    size = (image.shape[1], image.shape[2])
    reach = TEXTURE_REACH * size[0]
    # A window of the autocorrelation smooths the power spectrum.
    near = torch.fft.irfft2(spectrum.abs().square(), s=size) * _gaussian(size, size[1], reach)
    power = torch.fft.rfft2(near).real.clamp(min=0)
    return Cues(mean, root, spectrum, (power + 1e-4 * power.mean((1, 2), keepdim=True)).sqrt())


def mix(own: Cues, other: Cues, size: tuple[int, int]) -> Tensor:
    """Combine the cues of two images in every way.

    Args:
        own: Cues of an image.
        other: Cues of another one.
        size: (H, W) of both images.

    Returns:
        (14, 3, H, W) in [0, 1]: for coalition s from 1 to 14, the image with ``own``'s cues where s has their bit
        (see `CUES`), and ``other``'s elsewhere. Coalitions 0 and 15 are the two images themselves.
    """
    low = _gaussian(size, size[1] // 2 + 1, LAYOUT_CYCLES)
    spectra = []
    for coalition in range(0, 16, 2):
        texture, layout, content = (own if coalition >> bit & 1 else other for bit in (1, 2, 3))
        detail = content.spectrum * (texture.envelope / content.envelope)
        spectra.append(low * layout.spectrum + (1 - low) * detail)
    flat = torch.fft.irfft2(torch.stack(spectra), s=size).flatten(2)
    flat = flat - flat.mean(2, keepdim=True)
    # The mixture's colours are correlated again; the constant keeps what is nearly constant from being amplified.
    covariance = flat @ flat.mT / flat.shape[2]
    flat = torch.stack([_roots((one + 0.05 * torch.eye(3)) / 1.05)[1] for one in covariance]) @ flat
    coloured = [source.root @ flat + source.mean for source in (other, own)]
    return torch.stack(coloured, dim=1).reshape(16, 3, *size)[1:15].clamp(0, 1)


def _roots(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Return the square root of a positive definite (3, 3) matrix, and its inverse."""
    values, vectors = torch.linalg.eigh(matrix)
    return vectors * values.sqrt() @ vectors.T, vectors * values.rsqrt() @ vectors.T


def _gaussian(size: tuple[int, int], columns: int, deviation: float) -> Tensor:
    """Return (H, columns) a Gaussian around the first element, which wraps around the (H, W) ``size``."""
    down, across = (torch.fft.fftfreq(side, 1 / side) for side in size)
    return torch.exp(-(down[:, None].square() + across[None, :columns].square()) / (2 * deviation**2))
