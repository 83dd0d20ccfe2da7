"""Generalised mean of the last features."""

from torch import Tensor

from keyart.models.pooling import generalised_mean
from keyart.models.poolings.base import Maps, Pooling


class GeM(Pooling):
    """Generalised mean over positions (p = 3) of the last features; see `generalised_mean`.

    Use it where small but strong details matter: it is between the mean and the maximum.
    """

    def forward(self, last: Tensor, maps: Maps) -> dict[str, Tensor]:
        """Compute the group ``gem``; see `Pooling`."""
        return {"gem": generalised_mean(last)}
