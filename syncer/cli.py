"""``python -m syncer run | once | backfill | verify | repair | status | forget``."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import wraps
from typing import Any

import click

from storage_adapters import CheckpointConflict, StorageUnavailable, UnknownStore, sync_name
from syncer import loops, report
from syncer.lag import waiting_changes
from syncer.logs import configure_logging, redact
from syncer.metrics import Metrics
from syncer.outages import Outages, Stopped
from syncer.pair import Pair, Unsuitable, consumers_of, open_pair, open_source, replica
from syncer.parity import is_equal
from syncer.right import LEASE_SECONDS, Right, right_names
from syncer.signals import stop_by_signal
from syncer.syncer import Syncer
from syncer.warming import build

logger = logging.getLogger(__name__)


class Exit(IntEnum):
    """How the process ends."""

    DONE = 0
    DIFFERENT = 1
    USAGE = 2
    UNAVAILABLE = 3
    ELSEWHERE = 4
    STOPPED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What every command is given."""

    source: str
    target: str
    log_level: str
    as_json: bool
    metrics_at: tuple[str, int] | None

    def open(self, *, patience_seconds: float | None) -> tuple[Pair, Metrics, Outages]:
        """Open the stores, waiting for them as long as the patience lasts."""
        configure_logging(self.log_level)
        metrics = Metrics()
        outages = Outages(stop_by_signal(), patience_seconds=patience_seconds, on_failure=metrics.fail)
        if self.metrics_at is not None:
            try:
                metrics.serve(*self.metrics_at)
            except OSError as error:
                raise click.UsageError(f"--metrics: {error}") from error
        pair = outages.outlive(lambda: open_pair(self.source, self.target))
        return pair, metrics, outages


def _address(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, int] | None:
    if not value:
        return None
    host, _, port = value.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise click.BadParameter("is HOST:PORT")
    return host.strip("[]"), int(port)


def command(function: Callable[..., int]) -> Callable[..., None]:
    """Give a command the common options, and turn what it raises into an exit status."""

    @click.option("--source", required=True, envvar="FILES_METADATA_URL", help="URL of the store to copy.")
    @click.option("--target", required=True, envvar="FILES_LIST_URL", help="URL of the store that is the copy.")
    @click.option("--log-level", default="INFO", envvar="FILES_LOG_LEVEL", show_default=True, help="Least level.")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
    @click.option("--metrics", callback=_address, help="HOST:PORT at which to serve metrics for Prometheus.")
    @wraps(function)
    def wrapped(
        *, source: str, target: str, log_level: str, as_json: bool, metrics: tuple[str, int] | None, **options: Any
    ) -> None:
        given = Given(source=source, target=target, log_level=log_level, as_json=as_json, metrics_at=metrics)
        try:
            status = function(given, **options)
        except (UnknownStore, Unsuitable) as error:
            raise click.UsageError(redact(str(error))) from error
        except StorageUnavailable as error:
            status = _complain(Exit.UNAVAILABLE, str(error))
        except (loops.Elsewhere, CheckpointConflict):
            status = _complain(Exit.ELSEWHERE, "another syncer is at it")
        except Stopped:
            status = _complain(Exit.STOPPED, "stopped before the end")
        sys.exit(status)

    return wrapped


def _complain(status: Exit, text: str) -> Exit:
    click.echo(f"syncer: {redact(text)}", err=True)
    return status


_PATIENCE = click.option(
    "--patience", default=60.0, show_default=True, help="Seconds to wait for a store that is away."
)
_RATE = click.option("--rate", type=click.FloatRange(min=1), help="Files a second that a backfill copies at most.")
_WAIT = click.option(
    "--wait", "wait_seconds", default=30.0, show_default=True, help="Seconds to wait for what is on its way."
)

_FULL = click.option("--full", is_flag=True, help="Compare every file, whatever the sums say.")


@click.group()
def cli() -> None:
    """Keep a second metadata store equal to the first.

    Exit status: 0 done or equal; 1 there are differences; 2 usage; 3 a store is unavailable; 4 another syncer is at
    it; 5 stopped by a signal before the end.
    """


@cli.command("run")
@_RATE
@command
def run_command(given: Given, rate: float | None) -> int:
    """Copy until stopped: all files first if that was never done, then every change. Outlives outages."""
    try:
        pair, metrics, outages = given.open(patience_seconds=None)
    except Stopped:
        return Exit.DONE
    logger.info("ready", extra={"source": pair.source_name, "target": pair.name})
    loops.run(Syncer(pair, metrics, rate=rate), metrics, outages)
    pair.close()
    logger.info("stopped")
    return Exit.DONE


@cli.command()
@_RATE
@_PATIENCE
@command
def once(given: Given, rate: float | None, patience: float) -> int:
    """Copy what there is now, build the indexes of the target, and end."""
    pair, metrics, outages = given.open(patience_seconds=patience)
    loops.once(Syncer(pair, metrics, rate=rate), outages)
    build(pair, outages)
    report.say(given.as_json, {"target": pair.name, "copied": metrics.files_copied}, "copied {copied} files")
    pair.close()
    return Exit.DONE


@cli.command()
@_RATE
@_PATIENCE
@command
def backfill(given: Given, rate: float | None, patience: float) -> int:
    """Copy all files, also those that were copied before, and build the indexes; goes on where it was stopped."""
    pair, metrics, outages = given.open(patience_seconds=patience)
    syncer = Syncer(pair, metrics, rate=rate)
    with report.filling(syncer) as tell:
        loops.fill(syncer, outages, tell)
    with report.building() as tell_built:
        build(pair, outages, tell_built)
    report.say(given.as_json, {"target": pair.name, "copied": metrics.files_copied}, "copied {copied} files")
    pair.close()
    return Exit.DONE


@cli.command()
@_WAIT
@_FULL
@click.option("--watch", is_flag=True, help="Compare again and again until stopped.")
@click.option("--interval", default=60.0, show_default=True, help="Seconds between two comparisons.")
@_PATIENCE
@command
def verify(given: Given, *, wait_seconds: float, full: bool, watch: bool, interval: float, patience: float) -> int:
    """Compare the two stores and print the files that differ."""
    pair, metrics, outages = given.open(patience_seconds=None if watch else patience)
    outages.outlive(lambda: is_equal(pair))
    printer = report.Printer(given.as_json)
    if watch:
        verdict = loops.watch(
            pair,
            metrics,
            outages,
            wait_seconds=wait_seconds,
            interval_seconds=interval,
            tell=printer.difference,
            full=full,
            report=printer.verdict,
        )
    else:
        verdict = loops.verify(
            pair, metrics, outages.stopping, wait_seconds=wait_seconds, tell=printer.difference, full=full
        )
        printer.verdict(verdict)
    pair.close()
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
def repair(given: Given, *, wait_seconds: float, full: bool, direction: str, dry_run: bool, patience: float) -> int:
    """Compare the two stores and make the files that differ equal."""
    pair, metrics, outages = given.open(patience_seconds=patience)
    outages.outlive(lambda: is_equal(pair))
    to_source = direction == "target-to-source"
    replica(pair.source if to_source else pair.target)
    printer = report.Printer(given.as_json)
    verdict = loops.verify(
        pair,
        metrics,
        outages.stopping,
        wait_seconds=wait_seconds,
        tell=printer.difference,
        mend=None if dry_run else loops.mender(pair, to_source=to_source),
        full=full,
    )
    printer.verdict(verdict)
    pair.close()
    return Exit.DONE if verdict.mended else Exit.DIFFERENT


@cli.command()
@command
def status(given: Given) -> int:
    """Tell how far the copy is."""
    pair, _, _ = given.open(patience_seconds=0)
    checkpoint = pair.source.checkpoint(pair.consumer)
    place = pair.source.checkpoint(pair.backfill_consumer)
    state = "following" if checkpoint else "backfill" if place else "not begun"
    facts = {
        "source": pair.source_name,
        "target": pair.name,
        "state": state,
        "lag_changes": waiting_changes(pair.source, checkpoint) if checkpoint else None,
        "backfill": report.progress_of(place) if place else None,
        "source_files": pair.source.usage(None).total.files,
        "target_files": pair.target.usage(None).total.files,
        "equal": is_equal(pair),
    }
    report.say(given.as_json, facts, "\n".join(f"{name}: {{{name}}}" for name in facts))
    pair.close()
    return Exit.DONE


@cli.command()
@command
def forget(given: Given) -> int:
    """Give the copy up: remove its checkpoints, so that nothing is held for it. The target is not even looked at."""
    configure_logging(given.log_level)
    source, name = open_source(given.source), sync_name(given.target)
    rights = [Right(source, each, seconds=LEASE_SECONDS) for each in right_names(name)]
    forgotten = False
    try:
        if not all(right.held() for right in rights):
            raise loops.Elsewhere
        for consumer in consumers_of(name):
            if place := source.checkpoint(consumer):
                source.move_checkpoint(consumer, expected=place, sequence="")
                forgotten = True
    finally:
        for right in rights:
            right.give_up()
    text = "forgotten: {target}" if forgotten else "nothing was held for {target}"
    report.say(given.as_json, {"target": name, "forgotten": forgotten}, text)
    source.close()
    return Exit.DONE


def main() -> None:
    """Run the command line."""
    cli(prog_name="python -m syncer")
