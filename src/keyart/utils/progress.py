"""A progress bar on standard error for what takes long; silent where nobody watches."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Report = Callable[[int, int], None]


@contextmanager
def progress_bar(text: str) -> Iterator[Report]:
    """A bar that appears with the first report of (done, total), so that work found in a cache shows none.

    Args:
        text: What is being done.
    """
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: list = []

        def report(done: int, total: int) -> None:
            if not tasks:
                tasks.append(bar.add_task(text, total=total))
            bar.update(tasks[0], completed=done, total=total)

        yield report
