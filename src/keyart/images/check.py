"""Check of a catalogue: faults of its table rows and images, without a network."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from keyart.catalogue.leaks import expected_leakage
from keyart.catalogue.problems import RowCounts, problems_table
from keyart.catalogue.reader import read_catalogue
from keyart.images.audit import audit_posters, describe_faults
from keyart.images.pixel_cache import Progress
from keyart.images.posters import load_posters

TRAIN, TEST = 0.7, 0.2
"""Fractions of the split for which the leak is estimated; the defaults of ``data.split``."""


@dataclass(frozen=True, eq=False)
class CheckResult:
    """Result of a catalogue check.

    Attributes:
        account: Counts of the table's usable and faulty rows.
        posters: Number of usable posters.
        genres: Number of usable posters of each genre.
        near_duplicates: Number of usable posters that are near-duplicates of an earlier one.
        leak: Expected number of test posters with a near-duplicate in train, if posters were split at random.
        problems: Unusable rows and images, blank images and exact duplicates, with columns ``row, id, file, kind,
            detail, fix``.
        remarks: Near-duplicates, landscape, tiny and grey images, and assumptions made when the table was read (those
            about the whole table have row 1, the header), in the same columns.
    """

    account: RowCounts
    posters: int
    genres: dict[str, int]
    near_duplicates: int
    leak: float
    problems: pd.DataFrame
    remarks: pd.DataFrame

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values for JSON."""
        return {
            "rows": self.account.rows,
            "posters": self.posters,
            "faults": self.account.faults,
            "genres": self.genres,
            "near_duplicates": self.near_duplicates,
            "leak": self.leak,
            "problems": self.problems.to_dict(orient="records"),
            "remarks": self.remarks.to_dict(orient="records"),
        }


def check_catalogue(catalogue: Path, images: Path | None = None, *, progress: Progress | None = None) -> CheckResult:
    """Check a table of posters and every image in it.

    Args:
        catalogue: The table.
        images: The folder of its images; None: the table's own folder.
        progress: Called with (done, total) while images are decoded.

    Raises:
        InputError: The table or the folder cannot be read, or no poster is usable.
    """
    table, problems = read_catalogue(catalogue, images)
    posters = load_posters(table, problems, on_bad_poster="skip", progress=progress)
    audit = audit_posters(posters)
    faults, remarks = describe_faults(posters, audit)
    kept = posters.catalogue
    return CheckResult(
        posters.account,
        len(kept),
        {name: int(n) for name, n in zip(kept.genre_names, kept.genres.sum(0), strict=True)},
        sum(len(group) - 1 for group in audit.near),
        expected_leakage([len(group) for group in audit.near], len(kept), TRAIN, TEST),
        problems_table([*posters.skipped, *faults]),
        problems_table([*table.remarks, *remarks]),
    )
