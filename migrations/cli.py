"""The command line: progress on standard error, results on standard output, statuses as in docs/migrations.md."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from migrations.errors import BadRequest, MigrationError
from migrations.ms_files.session import ImportSession, shown_as_bar, source_url
from migrations.run import DEFAULT_BATCH, Pace, Progress
from migrations.runner import Runner, Task
from migrations.steps import Step
from migrations.stores import is_migrated, is_target
from storage_adapters import (
    JSON,
    StorageError,
    UnknownStore,
    open_keyspace,
    open_metadata_store,
    open_store_of_any_schema,
)

UNAVAILABLE = 5

_STORE = click.option(
    "--store",
    envvar="FILES_METADATA_URL",
    required=True,
    metavar="URL",
    help="The metadata store; by default that of FILES_METADATA_URL.",
)
_BATCH = click.option("--batch", type=click.IntRange(1, 10_000), default=DEFAULT_BATCH, help="Files per batch.")
_RATE = click.option("--rate", type=click.FloatRange(0, min_open=True), help="At most so many files a second.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object, and no progress.")
_TO = click.option("--to", type=click.IntRange(0), metavar="STEP", help="The last step that is to be applied.")
_DRY = click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
_OFFLINE = click.option("--offline", is_flag=True, help="All processes of the service are stopped.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Change a live store from one schema to the next, and bring files from elsewhere."""


@cli.command()
@_STORE
@_JSON
def status(store: str, *, as_json: bool) -> None:
    """Show the schema, the steps, and what is under way."""
    with _runner(store, as_json=as_json) as runner:
        found = runner.status()
        if as_json:
            _print(found)
            return
        ready = "the service opens it" if found["ready"] or found["empty"] else "the service refuses it"
        click.echo(f"schema {found['schema'] or 'without a mark'}, known is {found['known']}: {ready}")
        for step in found["steps"]:
            click.echo(f"{_when(step):<21}{_line(step)}")
        if found["unknown_steps"]:
            click.echo(f"steps of a newer version: {', '.join(map(str, found['unknown_steps']))}")
        if found["running"]:
            running = found["running"]
            place = running["checkpoint"].get("stage", "its start")
            click.echo(f"begun and not ended: {running['direction']} of step {running['step']}, at {place}")


@cli.command()
@_STORE
@_TO
@_JSON
def plan(store: str, to: int | None, *, as_json: bool) -> None:
    """Show which steps lead to a step, by default to the newest."""
    with _runner(store, as_json=as_json) as runner:
        _show_tasks(runner.plan(to=to), as_json=as_json)


@cli.command()
@_STORE
@_TO
@_DRY
@_OFFLINE
@_BATCH
@_RATE
@_JSON
def up(store: str, to: int | None, *, dry_run: bool, offline: bool, as_json: bool, **limits: Any) -> None:
    """Carry out the steps that were not yet."""
    with _runner(store, as_json=as_json, **limits) as runner:
        if dry_run:
            _show_tasks(runner.plan(to=to, direction="up"), as_json=as_json)
        else:
            _show_results(runner.up(to=to, offline=offline), as_json=as_json)


@cli.command()
@_STORE
@_TO
@_DRY
@_OFFLINE
@_BATCH
@_RATE
@_JSON
def down(store: str, to: int | None, *, dry_run: bool, offline: bool, as_json: bool, **limits: Any) -> None:
    """Take back the newest step, or all behind one."""
    with _runner(store, as_json=as_json, **limits) as runner:
        if dry_run:
            _show_tasks(runner.plan(to=to, direction="down"), as_json=as_json)
        else:
            _show_results(runner.down(to=to, offline=offline), as_json=as_json)


@cli.command()
@_STORE
@_BATCH
@_RATE
@_JSON
def verify(store: str, *, as_json: bool, **limits: Any) -> None:
    """Compare the store with what the applied steps promise; changes nothing."""
    with _runner(store, as_json=as_json, **limits) as runner:
        results = runner.verify()
        if as_json:
            _print({"steps": results})
        else:
            click.echo(f"{len(results)} steps are as they should be")


@cli.command()
@_STORE
@click.option("--step", "numbers", type=int, multiple=True, help="Only this step; may be repeated.")
@_BATCH
@_RATE
@_JSON
def repair(store: str, numbers: tuple[int, ...], *, as_json: bool, **limits: Any) -> None:
    """Carry out again the steps that put right what `verify` finds: indexes, counters, digest."""
    with _runner(store, as_json=as_json, **limits) as runner:
        _show_results(runner.repair(numbers), as_json=as_json)


@cli.command()
@_STORE
@_JSON
def steps(store: str, *, as_json: bool) -> None:
    """List all steps and what they declare."""
    with _runner(store, as_json=as_json) as runner:
        if as_json:
            _print({"steps": runner.described()})
        else:
            for step in runner.described():
                click.echo(_line(step))


@cli.command("import-ms-files")
@_STORE
@click.option("--source", metavar="URL", help="The Redis that has the ms-files keys; by default that of --store.")
@click.option("--rehearse", "--dry-run", is_flag=True, help="Read, compare and report; write nothing.")
@click.option("--overwrite", is_flag=True, help="Where a file was changed on both sides, take that of the source.")
@click.option("--remove-missing", is_flag=True, help="Remove imported files that the source no longer has.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), default=Path("ms-files-report.jsonl"))
@_BATCH
@_RATE
@_JSON
def import_ms_files(store: str, source: str | None, report: Path, *, as_json: bool, **options: Any) -> None:
    """Bring the files of an ms-files service here.

    May run again at any time, also while both services work: it picks up what has changed. Every field without an
    equivalent, and whatever is wrong in the source, is a line of the report.
    """
    batch, rate = options.pop("batch"), options.pop("rate")
    with failures(as_json=as_json):
        target = open_metadata_store(store)
        with closing(target), progress(as_json) as bars:
            if not is_target(target):
                raise BadRequest(f"{store.partition(':')[0]}:// takes no imports")
            with closing(open_keyspace(source_url(source, store))) as keyspace:
                totals = ImportSession(
                    source=keyspace,
                    target=target,
                    report_path=report,
                    batch=batch,
                    pace=interruptible(Pace(rate)),
                    show=shown_as_bar(bars),
                    **options,
                ).carry_out()
        if as_json:
            _print(totals)
            return
        for title in ("outcomes", "oddities"):
            for name, count in sorted(totals[title].items()):
                click.echo(f"{name.replace('_', ' '):<32}{count:>12,}")
        click.echo(f"every oddity: {report}")


@contextmanager
def _runner(url: str, *, as_json: bool, batch: int = DEFAULT_BATCH, rate: float | None = None) -> Iterator[Runner]:
    with failures(as_json=as_json):
        store = open_store_of_any_schema(url)
        if not is_migrated(store):
            raise BadRequest(f"{url.partition(':')[0]}:// cannot be migrated")
        with closing(store), progress(as_json) as bars:
            yield Runner(store=store, batch=batch, pace=interruptible(Pace(rate)), show=bars)


@contextmanager
def failures(*, as_json: bool) -> Iterator[None]:
    """End the process with the status of what went wrong."""
    try:
        yield
    except (MigrationError, StorageError, UnknownStore) as error:
        status = error.exit_status if isinstance(error, MigrationError) else UNAVAILABLE
        status = BadRequest.exit_status if isinstance(error, UnknownStore) else status
        if as_json:
            _print({"error": {"code": type(error).__name__, "message": str(error), "exit_status": status}})
        else:
            click.echo(f"Error: {error}", err=True)
        sys.exit(status)


def interruptible(pace: Pace) -> Pace:
    """Let a signal end the run at its next checkpoint."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: pace.stop())
    return pace


class _Shown:
    """Bars on standard error, one for each stage of each step."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._tasks: dict[tuple[int, str], Any] = {}

    def __call__(self, step: Step | None, progress: Progress) -> None:
        key = (step.number if step else 0, progress.stage)
        if key not in self._tasks:
            label = f"step {step.number}: {progress.stage}" if step else progress.stage
            self._tasks[key] = self._bars.add_task(label, total=progress.total)
        self._bars.update(self._tasks[key], completed=progress.done)


@contextmanager
def progress(as_json: bool) -> Iterator[Any]:  # noqa: FBT001 - one flag
    """Give what shows the progress: bars on a terminal, nothing beside JSON."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), disable=as_json) as bars:
        yield _Shown(bars)


def _show_tasks(tasks: list[Task], *, as_json: bool) -> None:
    if as_json:
        shown = [{"step": task.step.number, "name": task.step.name, "direction": task.direction} for task in tasks]
        _print({"plan": [{**line, "online": task.step.online} for line, task in zip(shown, tasks, strict=True)]})
        return
    for task in tasks:
        mode = "online" if task.step.online else "offline"
        click.echo(f"{task.direction:<5}{task.step.number:>3}  {mode:<8} {task.step.title}")
    if not tasks:
        click.echo("nothing to do")


def _show_results(results: list[JSON], *, as_json: bool) -> None:
    if as_json:
        _print({"done": results})
        return
    for result in results:
        click.echo(f"{result['direction']:<5}{result['step']:>3}  {result['title']}: {result['milliseconds']} ms")
    if not results:
        click.echo("nothing to do")


def _line(step: JSON) -> str:
    mode = "online" if step["online"] else "offline"
    note = "" if step["applies"] else " (nothing to do on this store)"
    return f"{step['step']:>3}  {mode:<8} {step['title']}{note}"


def _when(step: JSON) -> str:
    if step["applied_at"] is None:
        return "-"
    return datetime.fromtimestamp(step["applied_at"] / 1000, tz=UTC).strftime("%Y-%m-%d %H:%M:%S")


def _print(value: JSON) -> None:
    click.echo(orjson.dumps(value))


def main() -> None:
    """Run the command line."""
    cli(prog_name="python -m migrations")
