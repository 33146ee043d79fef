"""Output of the commands: results on standard output, progress on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import orjson
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from files_service.runtime.terminal import echo
from storage_adapters import JSON
from syncer.backfill import Walk
from syncer.parity import Difference
from syncer.syncer import Syncer
from syncer.verification import Verdict


def say(as_json: bool, facts: Mapping[str, Any], text: str) -> None:  # noqa: FBT001 - the flag of the command line
    """Print facts as JSON, or as a text made of them."""
    echo(orjson.dumps(facts).decode() if as_json else text.format_map(facts))


def progress_of(place: str) -> JSON:
    """Return the progress of the backfill that left this place."""
    walk = Walk.from_text(place)
    return {"copied": walk.copied, "total": walk.total, "started_at": walk.started_at}


class Printer:
    """Printer of differences, one a line, and of their sum."""

    def __init__(self, as_json: bool) -> None:  # noqa: FBT001 - the flag of the command line
        self._as_json = as_json

    def difference(self, difference: Difference) -> None:
        """Print one file or document."""
        name = "{file_id}" if difference.collection is None else "{collection}/{file_id}"
        text = "{kind} " + name + " source {source_revision} target {target_revision}"
        say(self._as_json, asdict(difference), text + (" (on its way)" if difference.lagging else ""))

    def verdict(self, verdict: Verdict) -> None:
        """Print the result of a comparison."""
        facts = {
            "equal": verdict.equal,
            "differences": dict(verdict.by_kind),
            "lagging": verdict.lagging,
            "repaired": verdict.repaired,
            "wrong_sums": dict(verdict.wrong_sums),
            "seconds": round(verdict.seconds, 3),
        }
        if verdict.equal:
            text = "equal ({seconds} s)"
        else:
            kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(verdict.by_kind.items()))
            text = f"{verdict.by_kind.total()} differ: {kinds}; {{lagging}} on their way, {{repaired}} repaired"
        if verdict.wrong_sums:
            text += "; {wrong_sums} buckets have sums that are not those of their files: `files migrate verify`"
        say(self._as_json, facts, text)
        sys.stdout.flush()


@contextmanager
def building() -> Iterator[Callable[[int, int], None]]:
    """Show how many indexes are built; yield a function that takes how many of how many are."""
    progress = _bar("indexes", TimeElapsedColumn())
    task = progress.add_task("", total=None)

    def tell(done: int, of: int) -> None:
        # Not before: most stores have nothing to build, and show nothing.
        progress.start()
        progress.update(task, completed=done, total=of)

    try:
        yield tell
    finally:
        progress.stop()


@contextmanager
def filling(syncer: Syncer) -> Iterator[Callable[[], None]]:
    """Show the progress of a backfill, its rate and the time left; yield a function to call after each step."""
    rate_column = TextColumn("{task.fields[rate]:,.0f} files/s")
    started, first = time.monotonic(), None
    with _bar("backfill", rate_column, TimeRemainingColumn()) as progress:
        task = progress.add_task("", total=None, rate=0.0)

        def tell() -> None:
            nonlocal first
            if (walk := syncer.walk) is not None:
                first = walk.copied if first is None else first
                rate = (walk.copied - first) / max(0.001, time.monotonic() - started)
                progress.update(task, completed=walk.copied, total=max(walk.total, walk.copied), rate=rate)

        yield tell


def _bar(what: str, *columns: ProgressColumn) -> Progress:
    console = Console(file=sys.stderr)
    return Progress(
        TextColumn(what), BarColumn(), MofNCompleteColumn(), *columns, console=console, disable=not console.is_terminal
    )
