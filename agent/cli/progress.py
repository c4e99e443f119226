"""A progress bar on standard error, where somebody watches it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(
    description: str, total: int | None = None, *, shown: bool = True
) -> Iterator[Callable[[int], None]]:
    """Show progress while the block runs; it gets a function that takes the amount done since.

    `total` None: the amount is not known beforehand.  Where standard error is no terminal, or not
    `shown`, nothing is shown and rich is not imported.
    """
    if not shown or not sys.stderr.isatty():
        yield lambda amount: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeElapsedColumn as Elapsed

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Elapsed())
    console = Console(stderr=True)
    # What the block prints is for standard output, and not for where the bar is.
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as bar:
        task = bar.add_task(description, total=total)
        yield lambda amount: bar.advance(task, amount)


def steps(advance: Callable[[int], None]) -> Callable[[int], None]:
    """Return a function that takes totals and passes on what was added since the last one."""
    seen = 0

    def note(total: int) -> None:
        nonlocal seen
        if total > seen:
            advance(total - seen)
            seen = total

    return note
