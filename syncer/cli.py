"""``python -m syncer run | once | backfill | verify | repair | status | forget``."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import IntEnum
from functools import partial, wraps
from typing import Any

import click

from files_service.runtime.logs import LOG_FORMATS, configure_logging, redact
from files_service.runtime.terminal import echo
from storage_adapters import (
    REFUSALS,
    CheckpointConflict,
    StorageUnavailable,
    UnknownStore,
    consumers_of,
    copy_state,
    sync_name,
    waiting_changes,
)
from syncer import report, syncer
from syncer.guard import SourceRefused
from syncer.index_builder import build_all
from syncer.lease import LEASE_SECONDS, lease_names, syncer_lease
from syncer.metrics import Metrics
from syncer.pair import Pair, SourceStore, TargetStore, Unsuitable, open_pair, open_source, replica
from syncer.parity import is_equal
from syncer.repair import mender
from syncer.retry import Retry, Stopped
from syncer.signals import stop_by_signal
from syncer.syncer import LeaseHeld, Syncer
from syncer.verification import verify, watch

logger = logging.getLogger(__name__)

ADVICE = "restore the right store, or fill the target anew: `python -m syncer backfill --accept-empty-source`"


class Exit(IntEnum):
    """Exit statuses of the process."""

    DONE = 0
    DIFFERENT = 1
    USAGE = 2
    UNAVAILABLE = 3
    LEASE_HELD = 4
    STOPPED = 5
    REFUSED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of every command."""

    source: str
    target: str
    log_level: str
    log_format: str
    as_json: bool
    metrics: tuple[str, int] | None

    @contextmanager
    def open(self, *, patience: float | None) -> Iterator[tuple[Pair, Metrics, Retry]]:
        """Open the stores, waiting for them as long as the patience lasts; close them in the end."""
        configure_logging(self.log_level, self.log_format)
        metrics = Metrics()
        retry = Retry(stop_by_signal(), patience_seconds=patience, on_failure=metrics.fail)
        if self.metrics is not None:
            try:
                metrics.serve(*self.metrics)
            except OSError as error:
                raise click.UsageError(f"--metrics: {error}") from error
        pair = retry.call(lambda: open_pair(self.source, self.target))
        yield pair, metrics, retry
        # Behind an error a write may still be under way: then the end of the process closes them.
        pair.close()


def _address(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, int] | None:
    if not value:
        return None
    host, _, port = value.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise click.BadParameter("is HOST:PORT")
    return host.strip("[]"), int(port)


def command(function: Callable[..., int]) -> Callable[..., None]:
    """Add the common options to a command, and turn its exceptions into an exit status."""

    @click.option("--source", required=True, envvar="FILES_METADATA_URL", help="URL of the store to copy.")
    @click.option("--target", required=True, envvar="FILES_LIST_URL", help="URL of the store that is the copy.")
    @click.option("--log-level", default="INFO", envvar="FILES_LOG_LEVEL", show_default=True, help="Least level.")
    @click.option("--log-format", type=click.Choice(LOG_FORMATS), default="auto", envvar="FILES_LOG_FORMAT")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
    @click.option("--metrics", callback=_address, help="HOST:PORT at which to serve metrics for Prometheus.")
    @wraps(function)
    def wrapped(**given: Any) -> None:
        options = Options(**{name: given.pop(name) for name in Options.__slots__})
        try:
            status = function(options, **given)
        except (UnknownStore, Unsuitable) as error:
            raise click.UsageError(redact(str(error))) from error
        except StorageUnavailable as error:
            status = _complain(Exit.UNAVAILABLE, str(error))
        except (LeaseHeld, CheckpointConflict):
            status = _complain(Exit.LEASE_HELD, "another syncer is at it")
        except SourceRefused as error:
            status = _complain(Exit.REFUSED, f"{error}; {ADVICE}")
        except Stopped:
            status = _complain(Exit.STOPPED, "stopped before the end")
        sys.exit(status)

    return wrapped


def _complain(status: Exit, text: str) -> Exit:
    echo(f"syncer: {redact(text)}", err=True)
    return status


_PATIENCE = click.option(
    "--patience", default=60.0, show_default=True, help="Seconds to wait for a store that is away."
)
_RATE = click.option("--rate", type=click.FloatRange(min=1), help="Files a second that a backfill copies at most.")
_WAIT = click.option(
    "--wait", "wait_seconds", default=30.0, show_default=True, help="Seconds to wait for what is on its way."
)
_ACCEPT = click.option(
    "--accept-empty-source",
    "accepted",
    is_flag=True,
    help="Take the source as it is now, whatever the target says, and remove from the target what it does not have.",
)
_FULL = click.option("--full", is_flag=True, help="Compare every file, whatever the sums say.")


@click.group()
def cli() -> None:
    """Keep a second metadata store equal to the first.

    Exit status: 0 done or equal; 1 there are differences; 2 usage; 3 a store is unavailable; 4 another syncer is at
    it; 5 stopped by a signal before the end; 6 source and target contradict each other, and nothing was copied.
    """


@cli.command("run")
@_RATE
@_ACCEPT
@command
def run_command(options: Options, rate: float | None, *, accepted: bool) -> int:
    """Copy until stopped: all files first if that was never done, then every change. Outlives outages."""
    with suppress(Stopped), options.open(patience=None) as (pair, metrics, retry):
        logger.info("ready", extra={"source": pair.source_name, "target": pair.name})
        syncer.run(Syncer(pair, metrics, rate=rate, accepted=accepted), metrics, retry)
        logger.info("stopped")
    return Exit.DONE


@cli.command()
@_RATE
@_ACCEPT
@_PATIENCE
@command
def once(options: Options, rate: float | None, patience: float, *, accepted: bool) -> int:
    """Copy what there is now, build the indexes of the target, and end."""
    with options.open(patience=patience) as (pair, metrics, retry):
        syncer.once(Syncer(pair, metrics, rate=rate, accepted=accepted), retry)
        build_all(pair, retry)
        _say_copied(options, pair, metrics)
    return Exit.DONE


@cli.command()
@_RATE
@_ACCEPT
@_PATIENCE
@command
def backfill(options: Options, rate: float | None, patience: float, *, accepted: bool) -> int:
    """Copy all files, also those that were copied before, and build the indexes; resumes where it was stopped."""
    with options.open(patience=patience) as (pair, metrics, retry):
        copying = Syncer(pair, metrics, rate=rate, accepted=accepted)
        with report.filling(copying) as tell:
            syncer.fill(copying, retry, tell)
        with report.building() as tell_built:
            build_all(pair, retry, tell_built)
        _say_copied(options, pair, metrics)
    return Exit.DONE


def _say_copied(options: Options, pair: Pair, metrics: Metrics) -> None:
    report.say(options.as_json, {"target": pair.name, "copied": metrics.files_copied}, "copied {copied} files")


@cli.command("verify")
@_WAIT
@_FULL
@click.option("--watch", "again", is_flag=True, help="Compare again and again until stopped.")
@click.option("--interval", default=60.0, show_default=True, help="Seconds between two comparisons.")
@_PATIENCE
@command
def verify_command(options: Options, *, again: bool, interval: float, patience: float, **how: Any) -> int:
    """Compare the two stores and print the files that differ."""
    with options.open(patience=None if again else patience) as (pair, metrics, retry):
        retry.call(lambda: is_equal(pair))
        printer = report.Printer(options.as_json)
        compare = partial(verify, pair, metrics, retry.stopping, tell=printer.difference, **how)
        if again:
            verdict = watch(compare, pair, metrics, retry, interval_seconds=interval, report=printer.verdict)
        else:
            verdict = compare()
            printer.verdict(verdict)
    return Exit.DONE if verdict.equal else Exit.DIFFERENT


@cli.command()
@_WAIT
@_FULL
@click.option(
    "--direction",
    type=click.Choice(["source-to-target", "target-to-source"]),
    default="source-to-target",
    show_default=True,
    help="Which store is right.",
)
@click.option("--dry-run", is_flag=True, help="Only print what would be repaired.")
@_PATIENCE
@command
def repair(options: Options, *, direction: str, dry_run: bool, patience: float, **how: Any) -> int:
    """Compare the two stores and make the files that differ equal."""
    with options.open(patience=patience) as (pair, metrics, retry):
        retry.call(lambda: is_equal(pair))
        to_source = direction == "target-to-source"
        replica(pair.source if to_source else pair.target)
        printer = report.Printer(options.as_json)
        mend = None if dry_run else mender(pair, to_source=to_source)
        verdict = verify(pair, metrics, retry.stopping, tell=printer.difference, mend=mend, **how)
        printer.verdict(verdict)
    return Exit.DONE if verdict.mended else Exit.DIFFERENT


@cli.command()
@command
def status(options: Options) -> int:
    """Print the progress of the copy."""
    with options.open(patience=0) as (pair, _, _):
        checkpoint = pair.source.checkpoint(pair.consumer)
        place = pair.source.checkpoint(pair.backfill_consumer)
        copy = copy_state(pair.source, pair.target, pair.consumer, pair.backfill_consumer)
        state = "following" if checkpoint else "backfill" if place else "not begun"
        facts = {
            "source": pair.source_name,
            "target": pair.name,
            "state": "stopped" if copy in REFUSALS else state,
            "copy": REFUSALS.get(copy, copy),
            "lag_changes": waiting_changes(pair.source, checkpoint) if checkpoint else None,
            "backfill": report.progress_of(place) if place else None,
            "source_files": pair.source.usage(None).total.files,
            "target_files": pair.target.usage(None).total.files,
            "source_documents": _documents(pair.source),
            "target_documents": _documents(pair.target),
            "equal": is_equal(pair),
        }
        report.say(options.as_json, facts, "\n".join(f"{name}: {{{name}}}" for name in facts))
    return Exit.DONE


def _documents(store: SourceStore | TargetStore) -> int:
    return sum(bucket.files for bucket in store.document_digest())


@cli.command()
@command
def forget(options: Options) -> int:
    """Abandon the copy: remove its checkpoints, so that nothing is kept for it. The target is not opened."""
    configure_logging(options.log_level, options.log_format)
    source, name = open_source(options.source), sync_name(options.target)
    leases = [syncer_lease(source, each, seconds=LEASE_SECONDS) for each in lease_names(name)]
    forgotten = False
    try:
        if not all(lease.held() for lease in leases):
            raise LeaseHeld
        for consumer in consumers_of(name):
            if place := source.checkpoint(consumer):
                source.move_checkpoint(consumer, expected=place, sequence="")
                forgotten = True
    finally:
        for lease in leases:
            lease.release()
    text = "forgotten: {target}" if forgotten else "nothing was held for {target}"
    report.say(options.as_json, {"target": name, "forgotten": forgotten}, text)
    source.close()
    return Exit.DONE


def main() -> None:
    """Run the command line."""
    cli(prog_name="python -m syncer")
