"""The command line: progress on standard error, results on standard output, statuses as in docs/migrations.md."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import click

from files_service.runtime.terminal import echo
from migrations.errors import BadRequest, MigrationError
from migrations.importers.ms_files.session import ImportSession, source_url
from migrations.output import (
    print_json,
    say_stopping,
    show_import,
    show_results,
    show_status,
    show_steps,
    show_tasks,
    shown,
)
from migrations.run import DEFAULT_BATCH, Pace
from migrations.runner import Runner
from migrations.stores import MigratedStore, TargetStore, is_migrated, is_target
from storage_adapters import (
    Keyspace,
    SchemaMismatch,
    StorageError,
    StorageUnavailable,
    UnknownStore,
    open_keyspace,
    open_metadata_store,
    open_store_of_any_schema,
)

UNAVAILABLE = 5
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_STORE_NAME = "--store, or FILES_METADATA_URL"

_STORE = click.option(
    "--store",
    envvar="FILES_METADATA_URL",
    show_envvar=True,
    required=True,
    metavar="URL",
    help="The metadata store; default: FILES_METADATA_URL.",
)
_BATCH = click.option("--batch", type=click.IntRange(1, 10_000), default=DEFAULT_BATCH, help="Files per batch.")
_RATE = click.option("--rate", type=click.FloatRange(0, min_open=True), help="Maximum number of files per second.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object and no progress.")
_TO = click.option("--to", type=click.IntRange(0), metavar="STEP", help="The last step to apply.")
_DRY = click.option("--dry-run", is_flag=True, help="Report what would be done without doing it.")
_OFFLINE = click.option("--offline", is_flag=True, help="Confirm that all processes of the service are stopped.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Migrate a live store from one schema to the next, and import files from other services."""


@cli.command()
@_STORE
@_JSON
def status(store: str, *, as_json: bool) -> None:
    """Show the schema, the steps, and the running step."""
    with _runner(store, as_json=as_json) as runner:
        found = runner.status()
        print_json(found) if as_json else show_status(found)


@cli.command()
@_STORE
@_TO
@_JSON
def plan(store: str, to: int | None, *, as_json: bool) -> None:
    """Show the steps to a target, by default the newest step."""
    with _runner(store, as_json=as_json) as runner:
        show_tasks(runner.plan(to=to), as_json=as_json)


@cli.command()
@_STORE
@_TO
@_DRY
@_OFFLINE
@_BATCH
@_RATE
@_JSON
def up(store: str, to: int | None, *, dry_run: bool, offline: bool, as_json: bool, **limits: Any) -> None:
    """Apply pending steps."""
    with _runner(store, as_json=as_json, **limits) as runner:
        if dry_run:
            show_tasks(runner.plan(to=to, direction="up"), as_json=as_json)
        else:
            show_results(runner.up(to=to, offline=offline), as_json=as_json)


@cli.command()
@_STORE
@_TO
@_DRY
@_OFFLINE
@_BATCH
@_RATE
@_JSON
def down(store: str, to: int | None, *, dry_run: bool, offline: bool, as_json: bool, **limits: Any) -> None:
    """Revert the newest step, or all steps after a target."""
    with _runner(store, as_json=as_json, **limits) as runner:
        if dry_run:
            show_tasks(runner.plan(to=to, direction="down"), as_json=as_json)
        else:
            show_results(runner.down(to=to, offline=offline), as_json=as_json)


@cli.command()
@_STORE
@_BATCH
@_RATE
@_JSON
def verify(store: str, *, as_json: bool, **limits: Any) -> None:
    """Compare the store with its applied steps; change nothing."""
    with _runner(store, as_json=as_json, **limits) as runner:
        results = runner.verify()
        if as_json:
            print_json({"steps": results})
        elif results:
            numbers = ", ".join(str(result["step"]) for result in results)
            echo(f"verified: step {numbers}")
        else:
            echo("nothing to verify: the store is not set up, or no step is applied (`up` does both)")


@cli.command()
@_STORE
@click.option("--step", "numbers", type=int, multiple=True, help="Only this step; repeatable.")
@_DRY
@_BATCH
@_RATE
@_JSON
def repair(store: str, numbers: tuple[int, ...], *, dry_run: bool, as_json: bool, **limits: Any) -> None:
    """Repair what `verify` finds, by repeating steps: indexes, counters, digest."""
    with _runner(store, as_json=as_json, **limits) as runner:
        if dry_run:
            show_tasks(runner.repairs(numbers), as_json=as_json)
        else:
            show_results(runner.repair(numbers), as_json=as_json)


@cli.command()
@_STORE
@_JSON
def steps(store: str, *, as_json: bool) -> None:
    """List all steps and their properties."""
    with _runner(store, as_json=as_json) as runner:
        print_json({"steps": runner.described()}) if as_json else show_steps(runner.described())


@cli.command("import-ms-files")
@_STORE
@click.option("--source", metavar="URL", help="The Redis with the ms-files keys; default: the server of --store.")
@click.option("--rehearse", "--dry-run", is_flag=True, help="Read, compare and report without writing.")
@click.option("--overwrite", is_flag=True, help="Let the source win where a file was changed on both sides.")
@click.option("--remove-missing", is_flag=True, help="Remove imported files that the source no longer has.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write the report to this file.")
@_BATCH
@_RATE
@_JSON
def import_ms_files(store: str, source: str | None, report: Path | None, *, as_json: bool, **options: Any) -> None:
    """Import the files of an ms-files service.

    The import can run again at any time, also while both services work: it imports what has changed. The report has a
    line for every field without an equivalent and every fault in the source; without it, they are counted.
    """
    batch, rate = options.pop("batch"), options.pop("rate")
    with failures(as_json=as_json):
        with _named(_STORE_NAME):
            target = _target(store, rehearse=options["rehearse"])
        with (
            closing(target),
            _opened(source, store) as keyspace,
            shown(as_json=as_json) as bar,
            interruptible(rate) as pace,
        ):
            totals = ImportSession(
                source=keyspace,
                target=target,
                report_path=report,
                batch=batch,
                pace=pace,
                show=partial(bar, None),
                **options,
            ).carry_out()
            bar.stop()
            print_json(totals) if as_json else show_import(totals, keyspace.name, rehearsed=options["rehearse"])


def _target(url: str, *, rehearse: bool) -> TargetStore:
    """Open the target store of an import; a rehearsal does not install a schema."""
    target: object = open_store_of_any_schema(url) if rehearse else open_metadata_store(url)
    if not is_target(target):
        raise BadRequest(f"{_STORE_NAME}: {url.partition(':')[0]}:// does not support imports")
    schema = target.schema()
    if rehearse and not schema.empty and schema.found != schema.known:
        raise SchemaMismatch(url.partition(":")[0], found=schema.found, known=schema.known)
    return target


@contextmanager
def _opened(source: str | None, store: str) -> Iterator[Keyspace]:
    option = "--source" if source else "--source, by default --store"
    with _named(option):
        keyspace = open_keyspace(source_url(source, store))
    with closing(keyspace):
        with _named(option):
            keyspace.scan("", after="", limit=1)  # connects
        yield keyspace


@contextmanager
def _named(option: str) -> Iterator[None]:
    """Name the option with the faulty URL in errors."""
    try:
        yield
    except SchemaMismatch:
        raise  # its message names the command to run
    except (UnknownStore, StorageUnavailable) as error:
        raise type(error)(f"{option}: {error}") from error


def _store_of(url: str) -> MigratedStore:
    with _named(_STORE_NAME):
        store = open_store_of_any_schema(url)
    if not is_migrated(store):
        raise BadRequest(f"{_STORE_NAME}: {url.partition(':')[0]}:// does not support migrations")
    return store


@contextmanager
def _runner(url: str, *, as_json: bool, batch: int = DEFAULT_BATCH, rate: float | None = None) -> Iterator[Runner]:
    with failures(as_json=as_json):
        store = _store_of(url)
        # Some stores connect on the first request.
        with closing(store), _named(_STORE_NAME), shown(as_json=as_json) as bars, interruptible(rate) as pace:
            yield Runner(store=store, batch=batch, pace=pace, show=bars)


@contextmanager
def failures(*, as_json: bool) -> Iterator[None]:
    """Exit with the status of the error."""
    try:
        yield
    except (MigrationError, StorageError, UnknownStore) as error:
        status = error.exit_status if isinstance(error, MigrationError) else UNAVAILABLE
        status = BadRequest.exit_status if isinstance(error, (UnknownStore, SchemaMismatch)) else status
        if as_json:
            print_json({"error": {"code": type(error).__name__, "message": str(error), "exit_status": status}})
        else:
            echo(f"Error: {error}", err=True)
        sys.exit(status)


@contextmanager
def interruptible(rate: float | None) -> Iterator[Pace]:
    """Stop the run at its next checkpoint on a signal, and at once on a second signal, which is as safe as a kill."""

    def stop(number: int, _: object) -> None:
        # First, so that a second signal always ends the process.
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        pace.stop()
        say_stopping()

    with closing(Pace(rate)) as pace:
        for number in _SIGNALS:
            signal.signal(number, stop)
        yield pace


def main(prog_name: str = "python -m migrations") -> None:
    """Run the command line, under the name by which it was called."""
    cli(prog_name=prog_name)
