"""The contact sheet of a search: the query and its results in one picture."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from keyart.catalogue.catalogue import Catalogue
from keyart.errors import InputError
from keyart.reports.gallery import draw_gallery, write_png
from keyart.reports.neighbours import NeighbourLists
from keyart.retrieval.random_pairs import RandomPairs
from keyart.retrieval.search import Hits
from keyart.retrieval.searchable import Searchable
from keyart.runs.search import Query, searched_text


def draw_contact_sheet(index: Searchable, query: Query, hits: Hits, images: Path) -> Image.Image:
    """Draw the query at the left and the results in reading order, at most ten per line."""
    shown = _as_catalogue(index, query, hits.rows, images)
    count = len(hits)
    films = shown.films
    rows = NeighbourLists(
        queries=np.array([0]),
        neighbours=np.arange(1, count + 1)[None],
        cosines=np.asarray(hits.scores, dtype=np.float32)[None],
        duplicate=np.zeros((1, count), dtype=bool),
        same_film=np.asarray(films[1:] == films[0], dtype=bool)[None],
        closer_than=RandomPairs.of_index(index).closer_than(hits.scores)[None],
    )
    return draw_gallery(
        shown, rows, title="Posters like this one", note=searched_text(count, hits.searched, len(index))
    )


def save_png(parameter: str, path: Path, picture: Image.Image) -> None:
    """Write a requested picture atomically, with an error that names the parameter.

    Raises:
        InputError: The file cannot be written.
    """
    try:
        write_png(picture, path)
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror or error})", parameter=parameter, value=path) from None


def _as_catalogue(index: Searchable, query: Query, rows: np.ndarray, images: Path) -> Catalogue:
    """Return a catalogue of the query (row 0) and the results; of an image file only the name is known."""
    known = index.metadata(np.array(([query.row] if query.row is not None else []) + rows.tolist(), dtype=np.int64))
    texts = ("id", "film", "img", "title")
    columns = {name: np.array([poster[name] for poster in known], dtype=object) for name in texts}
    years = np.array([poster["year"] for poster in known], dtype=np.float64)
    genres = [str(poster["genres"]).split("|") for poster in known]
    if query.path is not None:
        # The file's name cannot also be an id of the index: the query would have matched that id first.
        own = {"id": str(query.path), "film": str(query.path), "img": str(query.path), "title": query.path.name}
        columns = {name: np.concatenate([[own[name]], values]).astype(object) for name, values in columns.items()}
        years = np.concatenate([[np.nan], years])
        genres = [[], *genres]
    names = tuple(sorted({name for row in genres for name in row if name}))
    return Catalogue(
        source=images,
        root=images,
        ids=columns["id"],
        files=columns["img"],
        films=columns["film"],
        genres=np.array([[name in row for name in names] for row in genres], dtype=bool).reshape(
            len(genres), len(names)
        ),
        genre_names=names,
        titles=columns["title"],
        years=years,
        split=None,
        extra=pd.DataFrame(index=pd.RangeIndex(len(years))),
    )
