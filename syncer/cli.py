"""``python -m syncer run | once | backfill | verify | repair | status | forget``."""

from __future__ import annotations

import logging
from contextlib import suppress
from functools import partial
from typing import Any

import click

from storage_adapters import (
    BEHIND,
    FOREIGN,
    REFUSALS,
    UNKNOWN,
    NoStore,
    consumers_of,
    copy_state,
    sync_name,
    waiting_changes,
)
from syncer import report, syncer
from syncer.guard import ADVICE, SourceRefused
from syncer.index_builder import build_all
from syncer.lease import LEASE_SECONDS, lease_names, syncer_lease
from syncer.metrics import Metrics
from syncer.options import ACCEPT, FULL, PATIENCE, RATE, WAIT, Exit, Options, command
from syncer.pair import Pair, SourceStore, TargetStore, replica
from syncer.parity import is_equal
from syncer.repair import mender
from syncer.retry import Stopped
from syncer.syncer import LeaseHeld, Syncer
from syncer.verification import verify, watch

logger = logging.getLogger(__name__)


@click.group()
def cli() -> None:
    """Keep a second metadata store equal to the first.

    Exit status: 0 done or equal; 1 there are differences; 2 usage; 3 a store is unavailable; 4 another syncer is at
    it; 5 stopped by a signal before the end; 6 source and target contradict each other, and nothing was copied.
    """


@cli.command("run")
@RATE
@ACCEPT
@command
def run_command(options: Options, rate: float | None, *, accepted: bool) -> int:
    """Copy until stopped: all files first if that was never done, then every change. Outlives outages."""
    with suppress(Stopped), options.open(patience=None, making=True) as (pair, metrics, retry):
        logger.info("ready", extra={"source": pair.source_name, "target": pair.name})
        syncer.run(Syncer(pair, metrics, rate=rate, accepted=accepted), metrics, retry)
        logger.info("stopped")
    return Exit.DONE


@cli.command()
@RATE
@ACCEPT
@PATIENCE
@command
def once(options: Options, rate: float | None, patience: float, *, accepted: bool) -> int:
    """Copy what there is now, build the indexes of the target, and end."""
    with options.open(patience=patience, making=True) as (pair, metrics, retry):
        syncer.once(Syncer(pair, metrics, rate=rate, accepted=accepted), retry)
        build_all(pair, retry)
        _say_copied(options, pair, metrics)
    return Exit.DONE


@cli.command()
@RATE
@ACCEPT
@PATIENCE
@command
def backfill(options: Options, rate: float | None, patience: float, *, accepted: bool) -> int:
    """Copy all files, also those that were copied before, and build the indexes; resumes where it was stopped."""
    with options.open(patience=patience, making=True) as (pair, metrics, retry):
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
@WAIT
@FULL
@click.option("--watch", "again", is_flag=True, help="Compare again and again until stopped.")
@click.option("--interval", default=60.0, show_default=True, help="Seconds between two comparisons.")
@PATIENCE
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
@WAIT
@FULL
@click.option(
    "--direction",
    type=click.Choice(["source-to-target", "target-to-source"]),
    default="source-to-target",
    show_default=True,
    help="Which store is right.",
)
@click.option("--dry-run", is_flag=True, help="Only print what would be repaired.")
@PATIENCE
@command
def repair(options: Options, *, direction: str, dry_run: bool, patience: float, **how: Any) -> int:
    """Compare the two stores and make the files that differ equal."""
    with options.open(patience=patience) as (pair, metrics, retry):
        retry.call(lambda: is_equal(pair))
        to_source = direction == "target-to-source"
        if not dry_run:
            _require_leader(pair, to_source=to_source)
        replica(pair.source if to_source else pair.target)
        printer = report.Printer(options.as_json)
        mend = None if dry_run else mender(pair, to_source=to_source)
        verdict = verify(pair, metrics, retry.stopping, tell=printer.difference, mend=mend, **how)
        printer.verdict(verdict)
    return Exit.DONE if verdict.mended else Exit.DIFFERENT


def _require_leader(pair: Pair, *, to_source: bool) -> None:
    """Return when the store that is to be taken as right can be that one. Raises SourceRefused."""
    copy = copy_state(pair.source, pair.target, pair.consumer, pair.backfill_consumer)
    if copy in (FOREIGN, UNKNOWN) and not to_source:
        raise SourceRefused(f"{REFUSALS[copy]}; {ADVICE}")
    if copy == BEHIND and to_source:
        raise SourceRefused("the target is empty, or older than the copy that it was; `run` or `once` fills it")


@cli.command()
@command
def status(options: Options) -> int:
    """Print the progress of the copy."""
    facts: dict[str, Any] = {"source": sync_name(options.source), "target": sync_name(options.target)}
    try:
        with options.open(patience=0) as (pair, _, _):
            facts |= _progress(pair)
    except NoStore as error:
        facts |= {"state": "stopped" if error.name == facts["source"] else "not begun", "copy": str(error)}
    report.say(options.as_json, facts, "\n".join(f"{name}: {{{name}}}" for name in facts))
    return Exit.DONE


def _progress(pair: Pair) -> dict[str, Any]:
    checkpoint = pair.source.checkpoint(pair.consumer)
    place = pair.source.checkpoint(pair.backfill_consumer)
    copy = copy_state(pair.source, pair.target, pair.consumer, pair.backfill_consumer)
    state = "following" if checkpoint else "backfill" if place else "not begun"
    return {
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


def _documents(store: SourceStore | TargetStore) -> int:
    return sum(bucket.files for bucket in store.document_digest())


@cli.command()
@command
def forget(options: Options) -> int:
    """Abandon the copy: remove its checkpoints, so that nothing is kept for it. The target is not opened."""
    name = sync_name(options.target)
    with options.open_source() as source:
        forgotten = _forget(source, name)
    text = "forgotten: {target}" if forgotten else "nothing was held for {target}"
    report.say(options.as_json, {"target": name, "forgotten": forgotten}, text)
    return Exit.DONE


def _forget(source: SourceStore, name: str) -> bool:
    """Remove the checkpoints of a copy; return True when there was one. Raises LeaseHeld while a syncer runs."""
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
    return forgotten


def main() -> None:
    """Run the command line."""
    cli(prog_name="python -m syncer")
