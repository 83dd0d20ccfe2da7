"""A grid of posters, placed by their positions in the projected embedding."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from keyart.reports.poster_frames import frame_posters

COLUMNS = 30
WIDTH = 1380
WIDEST_POSTER = 92
SHAPE = 1.5
"""Height of a poster divided by its width."""


def hang(points: npt.NDArray[np.float64], columns: int = COLUMNS) -> dict[tuple[int, int], int]:
    """Choose for each cell of a grid the poster nearest to its centre; cells without a poster stay empty.

    Args:
        points: (N, 2) positions from :func:`keyart.retrieval.projection.project`: x to the right, y upwards.
        columns: Maximum number of columns; few posters get fewer.

    Returns:
        The position of the poster of each occupied (row, column); row 0 is at the top.

    Examples:
        >>> hang(np.array([[-1.0, 0.0], [1.0, 0.0], [0.98, 0.0]]), columns=2)
        {(0, 0): 0, (0, 1): 2}
    """
    if not len(points):
        return {}
    columns = int(np.clip(round(1.6 * np.sqrt(len(points))), 1, columns))
    pitch = np.array([2 / columns, 2 / columns * SHAPE])
    corner = np.array([points[:, 0].min(), points[:, 1].max()])
    place = np.abs(points - corner) / pitch
    cell = np.minimum(place.astype(int), columns - 1)
    off = ((place - cell - 0.5) ** 2).sum(1)
    hung: dict[tuple[int, int], int] = {}
    for position in np.argsort(off, kind="stable"):
        hung.setdefault((int(cell[position, 1]), int(cell[position, 0])), int(position))
    return dict(sorted(hung.items()))


def draw_poster_map(points: npt.NDArray[np.float64], paths: list[Path], columns: int = COLUMNS) -> Image.Image:
    """Draw the grid of posters on a transparent background.

    Args:
        points: (N, 2) positions as for :func:`hang`.
        paths: The N image files.
        columns: Maximum number of columns.

    Returns:
        RGBA, at most 1,380 pixels wide.
    """
    hung = hang(points, columns)
    height, width = (max((at[side] for at in hung), default=0) + 1 for side in (0, 1))
    across = min(WIDTH // width - 2, WIDEST_POSTER)
    cell = across, round(across * SHAPE)
    step = cell[0] + 2, cell[1] + 2
    wall = Image.new("RGBA", (width * step[0] - 2, height * step[1] - 2), (0, 0, 0, 0))
    posters = frame_posters([paths[i] for i in hung.values()], cell)
    for (row, column), poster in zip(hung, posters, strict=True):
        wall.paste(poster, (column * step[0], row * step[1]))
    return wall
