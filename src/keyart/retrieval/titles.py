"""Fuzzy lookup of a film by its title, in the spellings that people use."""

import re
import unicodedata
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import InitVar, dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

#: Articles that are ignored at the start of a title.
ARTICLES = frozenset(
    {
        *("the", "a", "an"),
        *("le", "la", "les", "l", "un", "une", "des"),
        *("il", "lo", "i", "gli", "gl", "uno", "una"),
        *("el", "los", "las", "o", "os", "as", "um", "uma"),
        *("der", "die", "das", "ein", "eine", "de", "het", "een"),
        *("den", "det", "en", "et", "ett"),
    }
)
#: Those that are rarely other words; in Die Hard and I, Robot they are kept.
_IGNORED = ARTICLES - {"i", "die", "des", "o", "os", "as", "um", "de", "den", "en", "et"}
_ELIDED = re.compile(r"^\s*(l|un|gl|d)['’`]\s*", re.IGNORECASE)
_FILED = re.compile(r"^(.+),\s+([^\W\d_]{1,3}['’`]?)$")
_BRACKETS = re.compile(r"([^()]+?)((?:\s*\([^()]*\))+)")
_YEAR = re.compile(r"^(.*?)[\s,]*[(\[]?((?:18|19|20)\d\d)[)\]]?\s*$")
_ALSO = re.compile(r"^(?:a\.?\s?k\.?\s?a\.?|also known as)\s+", re.IGNORECASE)
_APOSTROPHES = str.maketrans(dict.fromkeys("'’`"))
_SEPARATORS = re.compile(r"[\W_]+")
#: What `plain_title` makes of each ASCII character: small letters, digits and spaces; apostrophes disappear.
_ASCII = {code: chr(code).lower() if chr(code).isalnum() else " " for code in range(128)} | _APOSTROPHES
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"})
_ROMAN = {"ii": "2", "iii": "3", "iv": "4", "vi": "6", "vii": "7", "viii": "8", "ix": "9"}
_NEAREST = 50
_REPORTED = 10_000


class TitleMatch(NamedTuple):
    """Result of a title lookup.

    Attributes:
        rows: Positions of the matching titles, the most likely first.
        certain: Whether the first match is certain. If not, the matches are suggestions.
    """

    rows: list[int]
    certain: bool


def display_title(title: str) -> str:
    """Return a title for display: an article behind a comma moves to the front.

    Examples:
        >>> display_title("Piano, The"), display_title("Avventura, L'"), display_title("Alien")
        ('The Piano', "L'Avventura", 'Alien')
        >>> display_title("Postman, The (Postino, Il)")
        'The Postman (Il Postino)'
    """
    base, brackets = _brackets(title.strip())
    if not brackets:
        return _fronted(base)
    return " ".join([_fronted(base), *(f"({_fronted(one)})" for one in brackets)]).strip()


def plain_title(title: str) -> str:
    """Normalise a title for comparison.

    Removes case, accents and punctuation, moves an article behind a comma to the front, and writes Roman numerals after
    the first word as digits.

    Examples:
        >>> plain_title("Piano, The"), plain_title("Amélie!"), plain_title("Rocky II"), plain_title("Don't")
        ('the piano', 'amelie', 'rocky 2', 'dont')
    """
    text = _fronted(title.strip())
    ascii_only = text.isascii()
    if not ascii_only or "'" in text or "`" in text:
        text = _ELIDED.sub(r"\1 ", text)
    text = text.replace("&", " and ")
    if ascii_only:
        words = text.translate(_ASCII).split()
    else:
        text = unicodedata.normalize("NFKD", text.casefold()).translate(_LETTERS)
        text = "".join(letter for letter in text if not unicodedata.combining(letter))
        words = _SEPARATORS.sub(" ", text.translate(_APOSTROPHES)).split()
    if not _ROMAN.keys().isdisjoint(words):
        words[1:] = [_ROMAN.get(word, word) for word in words[1:]]
    # A title of punctuation only, such as $, stays as it is.
    return " ".join(words) or title.strip().casefold()


class _Groups:
    """Numbers by text, added in ascending order.

    They are in arrays: a list for each of a million texts would take more time than the rest, in garbage collections.
    """

    def __init__(self) -> None:
        self.codes: dict[str, int] = {}
        self._owners, self._numbers = array("I"), array("I")

    def add(self, text: str, number: int) -> int:
        """Add a number, before the first lookup; return the position of its text."""
        code = self.codes.setdefault(text, len(self.codes))
        self._owners.append(code)
        self._numbers.append(number)
        return code

    def __getitem__(self, text: str) -> list[int]:
        """Return the numbers of a text, ascending; none if it is unknown."""
        starts, numbers = self._sorted
        code = self.codes.get(text)
        return [] if code is None else numbers[starts[code] : starts[code + 1]].tolist()

    @cached_property
    def _sorted(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]]:
        owners, numbers = np.array(self._owners), np.array(self._numbers)
        starts = np.append(0, np.bincount(owners, minlength=len(self.codes)).cumsum())
        return starts, numbers[np.argsort(owners, kind="stable")]


@dataclass(eq=False)
class TitleTable:
    """Table of titles for fuzzy lookup.

    Args:
        titles: N titles, ``""`` where unknown. Alternative titles may follow in brackets.
        years: (N,) years, NaN where unknown; None: a year in brackets after a title is the film's year.
        films: (N,) film of each title, so that several posters of one film do not make its title ambiguous; None: each
            row is a film of its own.
        report: Called with the numbers of titles that are read and of all.
    """

    titles: Sequence[str]
    years: Sequence[float] | None = None
    films: Sequence[str] | None = None
    report: InitVar[Callable[[int, int], None] | None] = None

    def __post_init__(self, report: Callable[[int, int], None] | None) -> None:
        self._rows = _Groups()  # of each normalised title
        known = [float("nan")] * len(self.titles) if self.years is None else list(self.years)
        self._year = [
            _own_year(title) if year != year else year for title, year in zip(self.titles, known, strict=True)
        ]
        for row, title in enumerate(self.titles):
            if report is not None and not row % _REPORTED:
                report(row, len(self.titles))
            for name in dict.fromkeys(map(plain_title, _names(title))):
                if name:
                    self._rows.add(name, row)

    def prepare(self) -> None:
        """Index the words and letters by which misspelt titles are found, as the first lookup of one does."""
        _ = self._vocabulary, self._forms

    def find(self, asked: str) -> TitleMatch:
        """Find the titles that a query matches.

        A title that differs from the query only in case, accents, punctuation, spaces or article is an exact match.
        A year in the query selects among several. Otherwise a match is certain only if no other title is similar, its
        numbers are the same, and the query covers most of the title or several of its words. Merely similar titles
        are suggestions.

        Examples:
            >>> TitleTable(["Piano, The", "Pianist, The"]).find("piano")
            TitleMatch(rows=[0], certain=True)
            >>> TitleTable(["Aliens", "Alien: Resurrection"]).find("alien")
            TitleMatch(rows=[1, 0], certain=False)
        """
        same = self.find_equal(asked)
        if same.rows:
            return same
        stem, year = _split_year(asked)
        near, certain = self._near(plain_title(asked))
        if not near and year is not None:
            near, _ = self._near(plain_title(stem))
            of_year = [row for row in near if self._year[row] == year]
            near, certain = of_year or near, len(self._distinct(of_year)) == 1
        rows = self._distinct(near)
        return TitleMatch(rows, certain and len(rows) == 1)

    def find_equal(self, asked: str) -> TitleMatch:
        """Find titles that differ only in case, accents, punctuation, spaces or article.

        A title whose year differs from the query's is a match too, but not a certain one.
        """
        stem, year = _split_year(asked)
        attempts = [(plain_title(asked), None), *([(plain_title(stem), year)] if year is not None else [])]
        for lookup in (self._rows.__getitem__, self._by_bare):
            for name, requested in attempts:
                rows = lookup(name)
                if requested is None:
                    found = self._distinct(rows)
                else:
                    found = self._distinct(row for row in rows if self._year[row] == requested)
                if found:
                    return TitleMatch(found, len(found) == 1)
                if rows and requested is not None:
                    # The year may be wrong, or that of the release in another country.
                    return TitleMatch(
                        self._distinct(sorted(rows, key=lambda row: abs(self._year[row] - requested))), False
                    )
        return TitleMatch([], False)

    def _by_bare(self, name: str) -> list[int]:
        """Return rows whose titles differ in article or spaces; if possible, only in one of them."""
        bare = _bare(name)
        names = self._names_of(_squeeze(bare))
        same = [one for one in names if bare in (_bare(one), _squeeze(_bare(one)), _squeeze(one))]
        return sorted({row for one in same or names for row in self._rows[one]})

    def _names_of(self, form: str) -> list[str]:
        return [self._known[code] for code in self._forms[0][form]]

    def _near(self, text: str) -> tuple[list[int], bool]:
        """Return rows whose titles contain the words or differ by typing errors, and whether all are certain.

        The rows are sorted by similarity, best first.
        """
        from rapidfuzz import fuzz, process
        from rapidfuzz.distance import OSA

        bare = _bare(text)
        if len(bare) < 2 or text in ARTICLES:
            return [], False
        words, squeezed, asked_for = bare.split(), _squeeze(bare), _numbers(bare)
        # For each title: whether it contains the query's words in the same order, and whether the match is certain.
        found: dict[str, tuple[bool, bool]] = {}
        for name in self._with_words(words):
            numbers = _numbers(name)
            if f" {bare} " in f" {name} ":
                # A part of a title is enough if it is most of the title or several words; but Rocky is not Rocky 2.
                enough = len(words) > 1 or 2 * len(bare) > len(name)
                found[name] = True, enough and (numbers == asked_for or bool(asked_for))
            elif asked_for <= numbers:
                whole = words[-1] in name.split()
                if len(words) > 1 or whole or _bare(name).startswith(bare):
                    found[name] = False, len(words) > 1 and whole and numbers == asked_for
        for form, edits, _ in process.extract(
            squeezed, self._forms[1], scorer=OSA.distance, score_cutoff=_slips(len(squeezed)), limit=_NEAREST
        ):
            for name in self._bare_names_of(form):
                if name not in found and _numbers(name) == asked_for:
                    found[name] = False, _is_slip(squeezed, form, int(edits))
        if len(squeezed) >= 6:
            for form in self._forms[1]:
                if form.startswith(squeezed):
                    for name in self._bare_names_of(form):
                        found.setdefault(name, (True, False))
        order = sorted(found, key=lambda name: (not found[name][0], -fuzz.ratio(bare, _bare(name)), name))
        rows = list(dict.fromkeys(row for name in order for row in self._rows[name]))
        return rows, all(certain for _, certain in found.values())

    def _with_words(self, words: Sequence[str]) -> list[str]:
        """Return titles that have all the words: long words may be misspelt, and the last word may be only a prefix."""
        from rapidfuzz import process
        from rapidfuzz.distance import OSA

        sets = []
        for at, word in enumerate(words):
            near = {word}
            if len(word) >= 6 and not word.isdecimal():
                few = _slips(len(word) - 2)
                slips = process.extract(word, self._vocabulary, scorer=OSA.distance, score_cutoff=few, limit=None)
                near |= {one for one, _, _ in slips}
            if at == len(words) - 1 and len(word) > 2 and not word.isdecimal():
                near |= {one for one in self._vocabulary if one.startswith(word)}
            sets.append(set().union(*(self._words[one] for one in near)))
        return sorted(self._known[code] for code in set.intersection(*sets))

    @cached_property
    def _known(self) -> list[str]:
        return list(self._rows.codes)

    @cached_property
    def _forms(self) -> tuple[_Groups, list[str]]:
        """Titles by their forms without spaces, with and without article; and the forms without article."""
        found = _Groups()
        bare_forms: list[int] = []
        for code, name in enumerate(self._known):
            bare = _bare(name)
            bare_forms.append(found.add(_squeeze(bare), code))
            if bare is not name:
                found.add(_squeeze(name), code)
        forms = list(found.codes)
        return found, [forms[at] for at in dict.fromkeys(bare_forms)]

    @cached_property
    def _words(self) -> _Groups:
        """Titles that contain each word."""
        found = _Groups()
        for code, name in enumerate(self._known):
            for word in name.split():
                found.add(word, code)
        return found

    @cached_property
    def _vocabulary(self) -> list[str]:
        return list(self._words.codes)

    def _bare_names_of(self, form: str) -> list[str]:
        """Return titles by their form without article and spaces."""
        return [name for name in self._names_of(form) if _squeeze(_bare(name)) == form]

    def _distinct(self, rows: Iterable[int]) -> list[int]:
        """Return the first row of each film, in the same order."""
        films = self.films
        key = (lambda row: row) if films is None else (lambda row: films[row])
        first: dict[object, int] = {}
        for row in rows:
            first.setdefault(key(row), row)
        return list(first.values())


def _slips(length: int) -> int:
    """Return the largest edit distance that counts as a typing error in a text of some length."""
    return 0 if length < 4 else 1 if length < 8 else 2 if length < 16 else 3


def _is_slip(asked: str, title: str, edits: int) -> bool:
    """Return whether a difference is a typing error and not another word, as in Tron and Troy, or Alien and Aliens."""
    if not edits:
        return True
    if asked.removesuffix("s") == title.removesuffix("s"):
        return False
    return len(asked) >= 8 or (len(asked) >= 5 and (len(asked) != len(title) or sorted(asked) == sorted(title)))


def _numbers(name: str) -> set[str]:
    return set(re.findall(r"\d+", name))


def _squeeze(name: str) -> str:
    return name.replace(" ", "")


def _bare(name: str) -> str:
    """Return a normalised title without its leading article."""
    first, _, rest = name.partition(" ")
    return rest if rest and first in _IGNORED else name


def _fronted(title: str) -> str:
    """Return a title with an article behind a comma moved to the front."""
    match = _FILED.match(title) if "," in title else None
    if not match or match[2].rstrip("'’`").casefold() not in ARTICLES:
        return title
    return f"{match[2]}{'' if match[2][-1] in '’`' + chr(39) else ' '}{match[1]}"


def _brackets(title: str) -> tuple[str, list[str]]:
    """Split a title into its base and the contents of the brackets after it."""
    match = _BRACKETS.fullmatch(title) if title.endswith(")") else None
    return (match[1], re.findall(r"\(([^()]*)\)", match[2])) if match else (title, [])


def _names(title: str) -> list[str]:
    """Return all names of a film: its title with and without brackets, and the alternative titles in them."""
    base, brackets = _brackets(title.strip())
    if not brackets:
        return [title]
    return [title, base, *(_ALSO.sub("", one) for one in brackets if not one.isdecimal())]


def _own_year(title: str) -> float:
    match = re.search(r"\(((?:18|19|20)\d\d)\)\s*$", title)
    return float(match[1]) if match else float("nan")


def _split_year(asked: str) -> tuple[str, int | None]:
    match = _YEAR.fullmatch(asked)
    return (match[1], int(match[2])) if match and match[1].strip() else (asked, None)
