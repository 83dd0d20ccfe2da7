"""Parser for lists that were printed into a text cell by Python, JSON, NumPy or pandas."""

import re
from typing import Any

_CLOSING = {"[": "]", "(": ")", "{": "}"}
_TOKEN = re.compile(
    r"""
    \s*(?:
        (?P<mark>[\[\](){},;|:])
      # A quote closes where an item may end: the apostrophe in 'Children's' does not.
      | [bBuU]?'(?P<single>(?:\\.|[^\\])*?)'(?=\s*(?:[\]){},;|:'"\[({]|$)|\s+\S)
      | [bBuU]?"(?P<double>(?:\\.|[^\\])*?)"(?=\s*(?:[\]){},;|:'"\[({]|$)|\s+\S)
      | (?P<word>[^\s\[\](){},;|:'"]+)
    )
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_EMPTY = frozenset({"nan", "none", "null", "nat", "<na>", "pd.na", "np.nan", "numpy.nan", "pandas.na"})
_PLAIN = {"n": "\n", "t": "\t", "r": "\r"}


def parse_literal(text: str) -> list[Any]:
    """Parse a printed list, such as ``"['Drama', 'War']"``, into its items.

    The parser accepts lists, tuples, sets and mappings with single or double quotes, items without commas between them
    (NumPy), wrappers such as ``array([...], dtype=object)`` and ``np.str_('Drama')``, and words without quotes. It
    skips the items ``nan``, ``None`` and ``null``. It never evaluates the text.

    Args:
        text: Text that begins with a bracket, or with a name and ``(``.

    Returns:
        The items: strings, dictionaries, and lists where the text nests lists.

    Raises:
        ValueError: The text is not a list, or it was truncated.

    Examples:
        >>> parse_literal("array(['Drama', nan], dtype=object)"), parse_literal("[{'id': 18, 'name': 'Drama'}]")
        (['Drama'], [{'id': '18', 'name': 'Drama'}])
    """
    parser = _Parser(_tokens(text))
    items = parser.items("")
    if len(items) == 1 and isinstance(items[0], list):
        return items[0]
    return items


def _tokens(text: str) -> list[tuple[str, str]]:
    """Return (kind, text) of each token; a kind is a group name of the pattern, or ``end`` after the last."""
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"cannot be read from {text[at : at + 20]!r} on: is a quote not closed?")
        kind = str(match.lastgroup)
        found.append(("text", _unescaped(match[kind])) if kind in ("single", "double") else (kind, match[kind]))
        at = match.end()
    return [*found, ("end", "")]


def _unescaped(text: str) -> str:
    def plain(match: re.Match[str]) -> str:
        code = match[1] or match[2]
        return chr(int(code, 16)) if code else _PLAIN.get(match[3], match[3])

    return _ESCAPE.sub(plain, text)


class _Parser:
    """Recursive descent parser over the tokens of `_tokens`."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens = tokens
        self.at = 0

    def items(self, closing: str, depth: int = 0) -> list[Any]:
        """Return all items up to ``closing`` (``""``: up to the end), with or without separators between them."""
        if depth > 20:
            raise ValueError("lists are nested too deeply")
        found: list[Any] = []
        while True:
            kind, text = self.tokens[self.at]
            if kind == "end":
                if closing:
                    raise ValueError(f"the list is cut short: no closing `{closing}`")
                return found
            self.at += 1
            if kind == "mark" and text == closing:
                return found
            if kind == "mark" and text in ",;|":
                continue
            if kind == "mark" and text not in _CLOSING:
                raise ValueError(f"an unexpected `{text}`")
            item = self._item(kind, text, depth)
            if item is not None:
                found.append(item)

    def _item(self, kind: str, text: str, depth: int) -> Any:
        """Return the item that begins with the given token, or None for a missing value or a keyword argument."""
        if kind == "text":
            return text
        if kind == "mark":
            return self._mapping(depth) if text == "{" and self._is_mapping() else self.items(_CLOSING[text], depth + 1)
        if self.tokens[self.at] == ("mark", "("):
            self.at += 1
            inside = self.items(")", depth + 1)
            # Use the first argument of array([...], dtype=object) or str_('x'); an empty call is an empty list.
            return inside[0] if inside else []
        words = [text]
        while self.tokens[self.at][0] == "word":
            words.append(self.tokens[self.at][1])
            self.at += 1
        name = " ".join(words)
        # A keyword argument, such as dtype=object, is not an item.
        return None if name.casefold() in _EMPTY or re.match(r"\w+=", name) else name

    def _is_mapping(self) -> bool:
        after = self.tokens[self.at + 1] if self.at + 1 < len(self.tokens) else ("end", "")
        return self.tokens[self.at][0] in ("text", "word") and after == ("mark", ":")

    def _mapping(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while True:
            kind, key = self.tokens[self.at]
            self.at += 1
            if kind == "end":
                raise ValueError("the list is cut short: no closing `}`")
            if (kind, key) == ("mark", "}"):
                return found
            if (kind, key) == ("mark", ","):
                continue
            if kind not in ("text", "word") or self.tokens[self.at] != ("mark", ":"):
                raise ValueError("a mapping without a key")
            self.at += 1
            kind, text = self.tokens[self.at]
            if kind == "end" or (kind == "mark" and text not in _CLOSING):
                raise ValueError(f"the mapping gives `{key}` no value")
            self.at += 1
            found[key] = self._item(kind, text, depth + 1)
