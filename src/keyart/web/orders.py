"""Orders of a catalogue's posters on the wall."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from keyart.retrieval.titles import display_title, plain_title

if TYPE_CHECKING:
    from keyart.web.library import Shown


@dataclass(frozen=True, eq=False)
class Order:
    """Posters in an order.

    Attributes:
        rows: (R,) uint32 rows of the index, the first poster's first.
        codes: (R,) which of ``labels`` each poster has.
        labels: Labels of the places to jump to; none if the order has no such places.
    """

    rows: npt.NDArray[np.uint32]
    codes: npt.NDArray[np.uint32]
    labels: Sequence[str]

    def of(self, allowed: npt.NDArray[np.bool_]) -> "Order":
        """Return the order of the posters of an (N,) mask."""
        kept = allowed[self.rows]
        return Order(self.rows[kept], self.codes[kept], self.labels)

    def landmarks(self) -> list[dict[str, Any]]:
        """Return the places to jump to: a label, and the position of its first poster."""
        if not self.labels or not len(self.codes):
            return []
        starts = np.flatnonzero(np.append(True, self.codes[1:] != self.codes[:-1]))
        return [{"label": self.labels[self.codes[at]], "position": int(at)} for at in starts]


def sort_posters(shown: "Shown", by: str) -> Order:
    """Return all posters of an index in an order.

    Args:
        shown: The posters.
        by: ``catalogue``, ``title``, ``year``, ``genre``, or ``look`` (along a curve through the map, on which
            neighbours stay near).

    Raises:
        Computing: The map is not ready, and ``by`` is ``look``.
    """
    keys: list[str] = []
    if by == "title":
        import pyarrow as pa
        import pyarrow.compute as pc

        texts = shown.index.posters["title"]
        titles = [plain_title(display_title(text)) if isinstance(text, str) else "" for text in texts]
        # Unlike `sorted`, this lets other threads run. Posters without a title come last.
        rows = np.roll(pc.array_sort_indices(pa.array(titles, pa.string())).to_numpy(), -titles.count(""))
        keys = [one.upper() if one.isalpha() else "#" if one else "–" for one in (title[:1] for title in titles)]
    elif by == "year":
        rows = np.argsort(shown.years, kind="stable")
        keys = ["unknown" if year != year else f"{year // 10 * 10:.0f}s" for year in shown.years.tolist()]
    elif by == "genre":
        rows = np.lexsort((shown.years, shown.first_genre))
        names = [*shown.genres[0], "none"]
        keys = [names[at] for at in shown.first_genre.tolist()]
    elif by == "look":
        rows = np.argsort(along_curve(shown.places.get()), kind="stable")
    else:
        rows = np.arange(len(shown.index))
    numbers = {label: at for at, label in enumerate(dict.fromkeys(keys))}
    codes = np.array([numbers[key] for key in keys] or np.zeros(len(rows)), dtype=np.uint32)
    return Order(rows.astype(np.uint32), codes[rows], list(numbers))


def along_curve(places: npt.NDArray[np.uint16]) -> npt.NDArray[np.int64]:
    """Return (N,) distances of places along a Hilbert curve through the square of 16-bit coordinates.

    Examples:
        >>> along_curve(np.array([[0, 0], [0, 65535], [65535, 65535], [65535, 0]], dtype=np.uint16)).argsort().tolist()
        [0, 1, 2, 3]
    """
    x, y = places.astype(np.int64).T
    distance = np.zeros(len(places), dtype=np.int64)
    for bit in range(15, -1, -1):
        side = 1 << bit
        right, low = (x & side) > 0, (y & side) > 0
        distance += side * side * ((3 * right) ^ low)
        # Turn the quadrant so that the curve inside it begins and ends at the right corners.
        mirror = ~low & right
        x, y = np.where(mirror, side - 1 - (x & (side - 1)), x), np.where(mirror, side - 1 - (y & (side - 1)), y)
        x, y = np.where(~low, y, x), np.where(~low, x, y)
    return distance
