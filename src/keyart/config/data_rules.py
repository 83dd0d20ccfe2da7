"""Whether the posters of a sweep can be read: told once and before its first job, not by each job in turn."""

from collections.abc import Iterable, Mapping
from typing import Any

from keyart.errors import InputError


def check_tables(jobs: Iterable[Mapping[str, Any]]) -> None:
    """Read the table of each data set that jobs name; images are looked for, but not decoded.

    Args:
        jobs: Their configurations.

    Raises:
        InputError: A table cannot be read, holds bad rows that the job does not allow for, or has nothing to teach.
    """
    seen: set[tuple[Any, ...]] = set()
    for job in jobs:
        data, kind = job["data"], job["relevance"]["kind"]
        asked = (data.get("catalogue"), data.get("images"), data.get("on_bad_poster"), kind)
        if data.get("name") == "demo" or asked in seen:
            continue
        seen.add(asked)
        # Imported late: pandas and torch take seconds, which only those pay who sweep over tables.
        from keyart.catalogue.problems import summarise
        from keyart.catalogue.read_catalogue import read_catalogue
        from keyart.catalogue.relevance import Relevance, check_learnable

        catalogue, problems = read_catalogue(data["catalogue"], data.get("images"))
        if problems and data.get("on_bad_poster") == "error":
            raise InputError(summarise(problems, catalogue.source))
        relevance = Relevance.fit(kind, catalogue.genres)
        check_learnable(catalogue.genres, relevance, source=str(catalogue.source))
