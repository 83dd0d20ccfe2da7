"""Check of a sweep's data before its first job, so that not every job fails in turn."""

from collections.abc import Iterable, Mapping
from typing import Any

from keyart.errors import InputError


def check_tables(jobs: Iterable[Mapping[str, Any]]) -> None:
    """Read the table of each data set that the jobs name, and check that its images exist; they are not decoded."""
    seen: set[tuple[Any, ...]] = set()
    for job in jobs:
        data, kind = job["data"], job["relevance"]["kind"]
        asked = (data.get("catalogue"), data.get("images"), data.get("on_bad_poster"), kind)
        if data.get("name") == "demo" or asked in seen:
            continue
        seen.add(asked)
        # Import late: pandas and torch take seconds, and only sweeps over tables need them.
        from keyart.catalogue.problems import summarise
        from keyart.catalogue.reader import read_catalogue
        from keyart.catalogue.relevance import Relevance, check_learnable

        catalogue, problems = read_catalogue(data["catalogue"], data.get("images"))
        if problems and data.get("on_bad_poster") == "error":
            raise InputError(summarise(problems, catalogue.source))
        relevance = Relevance.fit(kind, catalogue.genres)
        check_learnable(catalogue.genres, relevance, source=str(catalogue.source))
