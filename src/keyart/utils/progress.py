"""Progress bar on standard error for long tasks; silent if standard error is not a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Report = Callable[[int, int], None]


@contextmanager
def progress_bar(text: str) -> Iterator[Callable[[int, int | None], None]]:
    """Yield a function that shows progress as a bar, from its first call with (done, total); total may be unknown.

    Work that is found in a cache reports nothing, so it shows no bar.
    """
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: list = []

        def report(done: int, total: int | None) -> None:
            if not tasks:
                tasks.append(bar.add_task(text, total=total))
            bar.update(tasks[0], completed=done, total=total)

        yield report
