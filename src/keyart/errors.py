"""The error for bad input or usage, with a message of one line."""

import re
from collections.abc import Callable

Spelling = Callable[[str], str | None]
"""Function that spells a parameter as a user writes it (``--on-bad-poster``, ``data.split.val``), or returns None."""


class InputError(ValueError):
    """Bad input or usage: its message is one line that names the file or parameter, the value and the fix.

    The command line turns it into exit code 2; below the command line it is an ordinary ``ValueError``.

    Args:
        text: What is wrong, and the fix; parameters in it stand in double backticks: ``name`` or ``name=value``.
        parameter: Name of the parameter that has the value; None if the text already names the file.
        value: Its value; None if the message needs none.

    Examples:
        >>> error = InputError("leaves nothing for train; lower ``test``", parameter="val", value=0.9)
        >>> str(error)
        'val=0.9: leaves nothing for train; lower `test`'
        >>> error.render({"val": "--val", "test": "--test"}.get)
        '--val 0.9: leaves nothing for train; lower --test'
    """

    def __init__(self, text: str, *, parameter: str | None = None, value: object = None) -> None:
        self.text, self.parameter, self.value = " ".join(text.split()), parameter, value
        super().__init__(self.render())

    def render(self, spell: Spelling = lambda name: None) -> str:
        """Return the message with parameters as ``spell`` writes them, and by their names where it returns None."""

        def in_text(match: re.Match[str]) -> str:
            written, value = spell(match[1]), match[2]
            return f"`{match[0].strip('`')}`" if written is None else _assignment(written, value)

        text = re.sub(r"``(\w+)(?:=([^`]*))?``", in_text, self.text)
        if self.parameter is None:
            return text
        written, value = spell(self.parameter), self.value
        if value is not None:
            value = f"{value:g}" if isinstance(value, float) else " ".join(str(value).split())
        if written is None and value is not None and not isinstance(self.value, int | float):
            value = repr(value)
        return f"{_assignment(written or self.parameter, value)}: {text}"


def _assignment(written: str, value: str | None) -> str:
    if value is None:
        return written
    return f"{written}{' ' if written.startswith('-') else '='}{value or repr(value)}"
