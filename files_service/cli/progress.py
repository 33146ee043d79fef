"""Progress of a transfer on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from files_service.runtime.terminal import printable

Advance = Callable[[int], None]


@contextmanager
def shown_progress(name: str, size: int, *, done: int = 0) -> Iterator[Advance]:
    """Show a bar on standard error, if that is a terminal, and yield the call that moves it on by some bytes."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    console = Console(stderr=True)
    # The line of the result takes the place of the bar.
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(escape(printable(name)), total=size, completed=done)
        yield lambda count: progress.advance(task, count)
