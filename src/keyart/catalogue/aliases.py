"""Names of columns: which of them mean what, compared without case, spaces and punctuation."""

import re

IMDB_NAMES = ("imdbid", "imdb", "tconst", "imdbtitleid")
#: For each role in a table of posters the column names that mean it, best first.
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
#: For each role in a history the column names that mean it, best first.
HISTORY_ALIASES: dict[str, tuple[str, ...]] = {
    "user": ("userid", "user", "uid", "profileid", "customerid", "accountid", "viewerid", "memberid"),
    "id": ("film", "filmid", *IMDB_NAMES, "movieid", "titleid", "itemid", "item", "movie", "posterid", "id"),
    "rating": ("rating", "ratings", "score", "stars"),
    "timestamp": ("timestamp", "unixtimestamp", "time", "ts", "date", "datetime", "watchedat", "ratedat"),
}
#: Columns of numbers that other catalogues give films; none of them is an IMDb id.
OTHER_IDS = ("tmdbid", "tmdb", "movieid", "movielensid", "titleid", "itemid", "netflixid", "letterboxdid", "tvdbid")
#: Columns that say which row it is: a line that holds such a cell in its place looks like a row.
KEYS = frozenset(
    (
        *(name for role in ("img", "id", "imdb_id", "film") for name in ALIASES[role]),
        *(name for role in ("user", "id") for name in HISTORY_ALIASES[role]),
        *OTHER_IDS,
        "otherimg",
    )
)


def plain(name: str) -> str:
    """A column name without case, spaces and punctuation.

    Examples:
        >>> plain("Imdb Link"), plain("poster_path")
        ('imdblink', 'posterpath')
    """
    return re.sub(r"[\W_]", "", name).casefold()
