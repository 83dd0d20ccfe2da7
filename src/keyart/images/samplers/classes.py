"""Class labels for samplers that need exactly one class per poster."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from keyart.catalogue.catalogue import Catalogue
from keyart.errors import InputError


def class_labels(catalogue: Catalogue, column: str) -> npt.NDArray[np.int64]:
    """Return the class of each poster, from its genre set or from a column.

    Args:
        catalogue: N posters.
        column: ``genres`` for exact genre sets; or the values of ``year``, ``decade``, ``film``, ``title``, or any
            other column of the catalogue's table.

    Returns:
        (N,) int64 from 0; -1 if the value is unknown (or the poster has no genres).

    Raises:
        InputError: The table has no such column, or the column has no values.
    """
    if column == "genres":
        sets = np.unique(catalogue.genres, axis=0, return_inverse=True)[1].reshape(-1)
        return np.where(catalogue.genres.any(1), sets, -1).astype(np.int64)
    known = {
        "year": catalogue.years,
        "decade": catalogue.years // 10,
        "film": catalogue.films,
        "title": catalogue.titles,
    }
    if column in known:
        values = pd.Series(known[column])
    elif column in catalogue.extra:
        values = catalogue.extra[column]
    else:
        choices = ", ".join(["genres", *known, *map(str, catalogue.extra.columns)])
        raise InputError(f"sampler.column={column}: {catalogue.source} has no such column; choose one of {choices}")
    labels = pd.factorize(values.where(values.astype(str).str.strip() != ""))[0]
    if (labels < 0).all():
        raise InputError(f"sampler.column={column}: {catalogue.source} holds no value of it; choose another column")
    return labels.astype(np.int64)
