"""Column names that keyart recognises, compared without case, spaces and punctuation."""

import re

IMDB_NAMES = ("imdbid", "imdb", "tconst", "imdbtitleid")
#: Accepted column names for each role in a table of posters, in order of preference.
ALIASES: dict[str, tuple[str, ...]] = {
    "img": (
        *("img", "image", "file", "filename", "imgpath", "imagepath", "filepath", "imgfile", "imagefile", "imgname"),
        *("imagename", "posterpath", "posterfile", "path", "poster"),
    ),
    "genres": ("genres", "genre", "genrenames", "genrelist"),
    "id": ("id", "posterid"),
    "imdb_id": IMDB_NAMES,
    "film": ("film", "filmid"),
    "title": ("title", "movietitle", "filmtitle", "primarytitle", "originaltitle"),
    "year": ("year", "releaseyear", "startyear", "titleyear"),
    "split": ("split", "subset", "partition"),
}
#: Accepted column names for each role in a history, in order of preference.
HISTORY_ALIASES: dict[str, tuple[str, ...]] = {
    "user": ("userid", "user", "uid", "profileid", "customerid", "accountid", "viewerid", "memberid"),
    "id": ("film", "filmid", *IMDB_NAMES, "movieid", "titleid", "itemid", "item", "movie", "posterid", "id"),
    "rating": ("rating", "ratings", "score", "stars"),
    "timestamp": ("timestamp", "unixtimestamp", "time", "ts", "date", "datetime", "watchedat", "ratedat"),
}
#: Columns with the numeric film ids of other catalogues; none of them is an IMDb id.
OTHER_IDS = ("tmdbid", "tmdb", "movieid", "movielensid", "titleid", "itemid", "netflixid", "letterboxdid", "tvdbid")
#: Columns that identify a row. The table reader uses them to recognise a line that looks like a row.
KEYS = frozenset(
    (
        *(name for role in ("img", "id", "imdb_id", "film") for name in ALIASES[role]),
        *(name for role in ("user", "id") for name in HISTORY_ALIASES[role]),
        *OTHER_IDS,
        "otherimg",
    )
)


def normalise_name(name: str) -> str:
    """Normalise a column name: remove case, spaces and punctuation.

    Examples:
        >>> normalise_name("Imdb Link"), normalise_name("poster_path")
        ('imdblink', 'posterpath')
    """
    return re.sub(r"[\W_]", "", name).casefold()
