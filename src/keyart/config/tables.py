"""The tables of losses and engines: ``python -m keyart.config.tables`` prints them.

``python -m keyart.config.tables docs/losses.md docs/find.md`` writes them into files, as ``make tables`` does.
"""

import sys
from pathlib import Path

from keyart.config.loss_table import loss_table
from keyart.retrieval.engines.registry import engine_table


def with_tables(text: str) -> str:
    """Return a Markdown text in which the tables of losses and engines, known by their headings, are up to date."""
    for table in (loss_table(), engine_table()):
        lines = text.splitlines(keepends=True)
        heading = table.splitlines()[0] + "\n"
        if heading in lines:
            first = last = lines.index(heading)
            while last < len(lines) and lines[last].startswith("|"):
                last += 1
            text = "".join([*lines[:first], table + "\n", *lines[last:]])
    return text


def main(files: list[str]) -> None:
    """Print the tables, or write them into files."""
    if not files:
        print(f"{loss_table()}\n\n{engine_table()}")  # noqa: T201
    for file in map(Path, files):
        file.write_text(with_tables(file.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
