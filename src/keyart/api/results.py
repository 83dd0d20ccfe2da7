"""Results of a run's methods: small typed objects that print, convert and display themselves."""

import math
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keyart.api.display import Card, picture_html, show, strip_html
from keyart.errors import InputError
from keyart.retrieval.random_pairs import percent
from keyart.retrieval.search import Hits
from keyart.retrieval.searchable import Searchable
from keyart.runs import explain
from keyart.runs.run import Run
from keyart.runs.search import Query, as_json, images_folder, searched_text
from keyart.utils.tables import format_number

if TYPE_CHECKING:
    import pandas as pd
    from PIL import Image

    from keyart.runs.evaluate import Evaluated  # imports torch, which a search by id or title does not need
    from keyart.runs.evaluation.scores import Score


@dataclass(frozen=True, eq=False, repr=False)
class SearchHits:
    """Posters that are most similar to a query, best first; `Run.search` returns it.

    Attributes:
        run: The run that was searched.
        index: The searched index.
        query: The query, with its vector (E,).
        hits: Row numbers and scores.
        images: Folder of the posters; None: the one that the index names.
    """

    run: Run
    index: Searchable
    query: Query
    hits: Hits
    images: Path | None = None

    @cached_property
    def _content(self) -> dict[str, Any]:
        return as_json(self.index, self.query, self.hits)

    @property
    def ids(self) -> list[str]:
        """Ids of the posters."""
        return [one["id"] for one in self._content["neighbours"]]

    @property
    def scores(self) -> np.ndarray:
        """(K,) float32 cosine similarities to the query."""
        return self.hits.scores

    def __len__(self) -> int:
        return len(self.hits)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Iterate over the posters as dicts: score, closer_than, id, title, year, genres, img."""
        return iter(self._content["neighbours"])

    def __getitem__(self, place: int) -> dict[str, Any]:
        poster: dict[str, Any] = self._content["neighbours"][place]
        return poster

    def to_dict(self) -> dict[str, Any]:
        """Convert to the dict that ``keyart search --json`` prints."""
        return self._content

    def to_pandas(self) -> "pd.DataFrame":
        """Convert to a table with one row per poster: score, closer_than, id, title, year, genres, img, film, split."""
        import pandas as pd

        return pd.DataFrame(self._content["neighbours"])

    def picture(self) -> "Image.Image":
        """Draw the query and its neighbours as a contact sheet.

        Raises:
            InputError: The posters' folder is not there.
        """
        from PIL import Image

        from keyart.reports.contact_sheet import draw_contact_sheet

        folder = images_folder(self.run, self.index, self.images)
        query = self.query
        if query.row is not None or query.path is not None:
            return draw_contact_sheet(self.index, query, self.hits, folder)
        with tempfile.TemporaryDirectory() as place:
            path = Path(place) / f"{query.name.replace('/', '-')}.png"
            shown = np.full((*self.run.image_size, 3), 128, np.uint8) if query.pixels is None else query.pixels
            Image.fromarray(shown).save(path)
            return draw_contact_sheet(self.index, replace(query, path=path), self.hits, folder)

    def show(self) -> None:
        """Display the contact sheet: in a notebook below the cell, elsewhere in the system's image viewer."""
        show(self.picture())

    def _title(self) -> str:
        query = self._content["query"]
        name = query.get("image") or query["title"] or query["id"]
        about = searched_text(len(self), self._content["searched"], self._content["posters"])
        return f"like {name}: {about}"

    def __repr__(self) -> str:
        lines = [f"{place}. {one['score']:.3f} {_name(one)}" for place, one in enumerate(self, 1)]
        return "\n  ".join([f"SearchHits {self._title()}", *lines])

    def _repr_html_(self) -> str:
        from PIL import Image

        query = self.query
        own = query.path or (None if query.pixels is None else Image.fromarray(query.pixels))
        folder = _folder(self.run, self.index, self.images)
        if query.row is not None:
            own = folder and folder / self._content["query"]["img"]
        cards = [Card(own, ["query"])]
        for one in self:
            lines = [_name(one), f"{one['score']:.2f} · {percent(one['closer_than'])}", ", ".join(one["genres"])]
            cards.append(Card(folder and folder / one["img"], lines))
        return strip_html(self._title(), cards)


@dataclass(frozen=True, eq=False, repr=False)
class Recommendation:
    """Films for one user, best first; `Run.recommend` returns it.

    Attributes:
        run: The run that recommended them.
        index: The searched index.
        content: See `to_dict`.
    """

    run: Run
    index: Searchable
    content: dict[str, Any]

    @property
    def ids(self) -> list[str]:
        """Ids of the films' posters."""
        return [one["id"] for one in self.content["candidates"]]

    @property
    def scores(self) -> np.ndarray:
        """(K,) scores by the user's whole profile; these are not cosines."""
        return np.array([one["score"] for one in self.content["candidates"]])

    @property
    def interests(self) -> list[dict[str, Any]]:
        """The user's interests: weight, number of films, and the film in the middle."""
        found: list[dict[str, Any]] = self.content["interests"]
        return found

    def __len__(self) -> int:
        return len(self.content["candidates"])

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.content["candidates"])

    def __getitem__(self, place: int) -> dict[str, Any]:
        film: dict[str, Any] = self.content["candidates"][place]
        return film

    def to_dict(self) -> dict[str, Any]:
        """Convert to the dict that ``keyart recommend --json`` prints."""
        return self.content

    def to_pandas(self) -> "pd.DataFrame":
        """Convert to a table with one row per film; ``because`` is the id of the watched film behind it."""
        import pandas as pd

        return pd.DataFrame([{**one, "because": one["because"]["id"]} for one in self])

    def show(self) -> None:
        """Display the films' posters in a notebook; elsewhere print them."""
        show(self)

    def __repr__(self) -> str:
        lines = [f"{place}. {one['score']:.3f} {_name(one)}" for place, one in enumerate(self, 1)]
        return "\n  ".join([f"Recommendation of {len(self)} films", *lines])

    def _repr_html_(self) -> str:
        folder, cards = _folder(self.run, self.index, None), []
        for one in self:
            lines = [_name(one), ", ".join(one["genres"]), f"because of {_name(one['because'])}"]
            cards.append(Card(folder and folder / one["img"], lines))
        return strip_html(f"{len(self)} films", cards)


@dataclass(frozen=True, eq=False, repr=False)
class UserRecommendations:
    """Films for all users of a history, in a Parquet file; `Run.recommend_all` returns it.

    Attributes:
        content: See `to_dict`.
    """

    content: dict[str, Any]

    @property
    def path(self) -> Path:
        """The Parquet file."""
        return Path(self.content["out"])

    def to_dict(self) -> dict[str, Any]:
        """Convert to the dict that ``keyart recommend --json`` prints: counts, seconds, and the file."""
        return self.content

    def to_pandas(self) -> "pd.DataFrame":
        """Read the file: user, rank (from 1), id, film, score, because, interest."""
        import pandas as pd

        return pd.read_parquet(self.path)

    def __repr__(self) -> str:
        return f"UserRecommendations({self.content['candidates']:,} for {self.content['users']:,} users in {self.path})"


@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """The regions and kinds of cue that make two posters similar; `Run.explain` returns it.

    Attributes:
        run: The run whose embedder is explained.
        explained: Attributions, names and images.
    """

    run: Run
    explained: "explain.Explained"

    @property
    def similarity(self) -> float:
        """Cosine similarity of the two posters."""
        return self.explained.why.similarity

    @property
    def closer_than(self) -> float | None:
        """Share of random pairs of the index's posters with a lower cosine, in [0, 1]; None if it is unknown."""
        return self.explained.closer_than

    @property
    def regions(self) -> tuple[np.ndarray, np.ndarray]:
        """For each poster (rows, columns): what each 8 × 8-pixel cell adds to the similarity; negative if it lowers."""
        first, second = self.explained.why.shares
        return first.attributions, second.attributions

    @property
    def cues(self) -> dict[str, float]:
        """What ``colour``, ``texture``, ``layout`` and ``content`` add to the similarity of two random posters.

        See `keyart.retrieval.explanation.explain_cues`; empty if fewer than two other posters are known.
        """
        return self.explained.cues.parts if self.explained.cues else {}

    def to_dict(self) -> dict[str, Any]:
        """Convert to the dict that ``keyart explain --json`` prints."""
        return explain.as_json(self.explained)

    def to_pandas(self) -> "pd.DataFrame":
        """Convert to a table with one row per cell: poster (0 or 1), row, column, attribution."""
        import pandas as pd

        tables = []
        for poster, cells in enumerate(self.regions):
            rows, columns = np.indices(cells.shape).reshape(2, -1)
            table = {"poster": poster, "row": rows, "column": columns, "attribution": cells.ravel()}
            tables.append(pd.DataFrame(table))
        return pd.concat(tables, ignore_index=True)

    def picture(self) -> "Image.Image":
        """Draw both posters beside their heat maps."""
        from keyart.reports.explanation_picture import draw_explanation

        return draw_explanation(self.run, self.explained)

    def show(self) -> None:
        """Display the heat maps: in a notebook below the cell, elsewhere in the system's image viewer."""
        show(self.picture())

    def __repr__(self) -> str:
        first, second = (_name(one) for one in self.explained.names)
        return f"Explanation(similarity {self.similarity:.4f} of {first} and {second}, by {self.explained.why.method})"

    def _repr_html_(self) -> str:
        return picture_html(self.picture(), repr(self))


class Evaluation(Mapping[str, "Score"]):
    """Metrics of a run on some posters; `Run.evaluate` returns it.

    ``result["ndcg@10"]`` has ``value``, ``chance``, ``frozen``, ``lift``, ``interval`` (95%, over queries) and
    ``difference`` (the interval of value − frozen).

    Args:
        evaluated: Flat metrics with their per-query values.
    """

    def __init__(self, evaluated: "Evaluated") -> None:
        self._evaluated = evaluated
        self.split = evaluated.split

    @cached_property
    def _scores(self) -> "dict[str, Score]":
        from keyart.runs.evaluation.scores import collect_scores

        about = self._evaluated
        found = collect_scores(about.metrics, about.split, about.per_query, about.frozen_per_query)
        return {score.key: score for score in found}

    def __getitem__(self, metric: str) -> "Score":
        try:
            return self._scores[metric]
        except KeyError:
            raise KeyError(f"{metric}: choose one of {', '.join(self._scores)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._scores)

    def __len__(self) -> int:
        return len(self._scores)

    @property
    def queries(self) -> int:
        """Number of queries."""
        return int(self._evaluated.metrics[f"{self.split}/queries"] or 0)

    @property
    def gallery(self) -> int:
        """Number of posters that each query searches, including itself."""
        return int(self._evaluated.metrics[f"{self.split}/gallery"] or 0)

    @property
    def per_query(self) -> "pd.DataFrame":
        """One row per query: ``id``, ``split``, and one column per metric."""
        return self._evaluated.per_query

    def to_dict(self) -> dict[str, float | None]:
        """Convert to the flat dict that ``keyart evaluate --json`` prints."""
        return self._evaluated.metrics

    def to_pandas(self) -> "pd.DataFrame":
        """Convert to a table with one row per metric: value, chance, frozen, lift, low, high."""
        import pandas as pd

        rows = [
            {
                "metric": key,
                **{name: getattr(score, name) for name in ("value", "chance", "frozen", "lift")},
                "low": math.nan if score.interval is None else score.interval.low,
                "high": math.nan if score.interval is None else score.interval.high,
            }
            for key, score in self.items()
        ]
        return pd.DataFrame(rows).set_index("metric")

    def show(self) -> None:
        """Display the table in a notebook; elsewhere print it."""
        show(self)

    def _about(self) -> str:
        return f"{self.split}: {self.queries:,} queries in {self.gallery:,} posters"

    def __repr__(self) -> str:
        main = [key for key in self if "/" not in key]
        lines = [
            f"{key:<14} {format_number(self[key].value)}  chance {format_number(self[key].chance)}  frozen"
            f" {format_number(self[key].frozen)}"
            f"  lift {format_number(self[key].lift, 2)}"
            for key in main
        ]
        return "\n  ".join([f"Evaluation on {self._about()}", *lines])

    def _repr_html_(self) -> str:
        table = self.to_pandas().to_html(float_format="{:.4f}".format, na_rep="–")
        return f"<div><p>{self._about()}</p>{table}</div>"


def _name(poster: Mapping[str, Any]) -> str:
    year = f" ({poster['year']})" if poster.get("year") else ""
    return f"{poster.get('title') or poster.get('id') or poster.get('image')}{year}"


def _folder(run: Run, index: Searchable, images: Path | None) -> Path | None:
    """Return the folder of the posters for display; None if it is not there."""
    try:
        return images_folder(run, index, images)
    except InputError:
        return None
