"""Output of the command line: progress on standard error, results on standard output."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from files_service.runtime.terminal import echo
from migrations.run import Progress
from migrations.runner import Task
from migrations.steps import Step
from storage_adapters import JSON

_SHOW_CURSOR = b"\x1b[?25h"
_COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())


class ProgressBars:
    """Progress bars, one per stage of each step; none when there is no progress to show."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._tasks: dict[tuple[int, str], Any] = {}

    def __call__(self, step: Step | None, progress: Progress) -> None:
        """Show the progress of a stage."""
        self._bars.start()
        key = (step.number if step else 0, progress.stage)
        if key not in self._tasks:
            label = f"step {step.number}: {progress.stage}" if step else progress.stage
            self._tasks[key] = self._bars.add_task(label, total=progress.total)
        # The last batch may be a smaller one than was asked for.
        done = progress.done if progress.total is None else min(progress.done, progress.total)
        self._bars.update(self._tasks[key], completed=done)

    def stop(self) -> None:
        """Leave the bars as they are."""
        if self._tasks:
            self._bars.stop()


@contextmanager
def shown(*, as_json: bool) -> Iterator[ProgressBars]:
    """Provide the display of progress: bars, or nothing with JSON output."""
    found = ProgressBars(Bars(*_COLUMNS, console=Console(stderr=True), disable=as_json))
    try:
        yield found
    finally:
        found.stop()


def show_status(found: JSON) -> None:
    """Show the schema, the steps, and the running step."""
    if found["empty"]:
        echo(f"not set up yet: the first process to open the store, or `up`, installs schema {found['known']}")
    else:
        ready = "the service opens it" if found["ready"] else "the service refuses it"
        echo(f"schema {found['schema'] or 'without a mark'}, this version knows {found['known']}: {ready}")
    for step in found["steps"]:
        echo(f"{_when(step):<21}{_line(step)}{', must be applied again' if step['due'] else ''}")
    if found["unknown_steps"]:
        echo(f"steps of a newer version: {', '.join(map(str, found['unknown_steps']))}")
    if found["running"]:
        running = found["running"]
        place = running["checkpoint"].get("stage", "its start")
        echo(f"unfinished: {running['direction']} of step {running['step']}, at {place}")
        echo(f"by {found['runner']}; if it is no longer running, run again to continue")


def show_steps(found: list[JSON]) -> None:
    """List the properties of the steps."""
    for step in found:
        echo(_line(step))


def show_tasks(tasks: list[Task], *, as_json: bool) -> None:
    """Show the planned tasks, and whether the service may run meanwhile."""
    if as_json:
        named = [{"step": task.step.number, "name": task.step.name, "direction": task.direction} for task in tasks]
        said = [{"online": task.online, "in_place": task.in_place} for task in tasks]
        print_json({"plan": [line | more for line, more in zip(named, said, strict=True)]})
        return
    for task in tasks:
        note = " (in place; not recorded)" if task.in_place else ""
        echo(f"{task.direction:<5}{task.step.number:>3}  {_mode(task.online):<8} {task.step.title}{note}")
    if not tasks:
        echo("nothing to do")
    elif all(task.in_place for task in tasks):
        echo("nothing is missing: `up` compares these steps with the store and records them")


def show_results(results: list[JSON], *, as_json: bool) -> None:
    """Show the finished tasks."""
    if as_json:
        print_json({"done": results})
        return
    for result in results:
        echo(f"{result['direction']:<5}{result['step']:>3}  {result['title']}: {result['milliseconds']} ms")
    if not results:
        echo("nothing to do")


def show_import(totals: JSON, source: str, *, rehearsed: bool) -> None:
    """Show the outcomes and the oddities of an import."""
    if not totals["outcomes"]:
        echo(f"no file exists at {source} (host/database/prefix)")
    for title in ("outcomes", "oddities"):
        for name, count in sorted(totals[title].items()):
            echo(f"{name.replace('_', ' '):<32}{count:>12,}")
    if totals["report"] is not None:
        echo(f"all oddities: {totals['report']}")
    if rehearsed:
        echo("a rehearsal: nothing was written")
    if totals["continued"]:
        echo("an interrupted run was continued: run it again for files that have changed since it began")


def say_stopping() -> None:
    """Acknowledge a signal. Bypasses the bars, which may be drawing, and shows the cursor that they hide."""
    with suppress(OSError):
        os.write(2, _SHOW_CURSOR if os.isatty(2) else b"")
        os.write(2, b"stopping at the next checkpoint; a second signal ends the run at once\n")


def print_json(value: JSON) -> None:
    """Print one object for scripts."""
    echo(orjson.dumps(value))


def _mode(online: object) -> str:
    return "online" if online else "offline"


def _line(step: JSON) -> str:
    note = "" if step["applies"] else " (nothing to do on this store)"
    return f"{step['step']:>3}  {_mode(step['online']):<8} {step['title']}{note}"


def _when(step: JSON) -> str:
    if step["applied_at"] is None:
        return "-"
    return datetime.fromtimestamp(step["applied_at"] / 1000, tz=UTC).strftime("%Y-%m-%d %H:%M:%S")
