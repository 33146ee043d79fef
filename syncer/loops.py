"""The long-running commands: copying until there is nothing left or the process is to stop, and watching the parity."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from storage_adapters import StorageUnavailable
from syncer.metrics import Metrics
from syncer.outages import Outages, Stopped
from syncer.pair import Pair
from syncer.parity import Difference, differences, is_equal
from syncer.repair import repair
from syncer.syncer import Syncer
from syncer.warming import keep_warm

logger = logging.getLogger(__name__)

Told = Callable[[Difference], None]
Mend = Callable[[Difference], bool]


class Elsewhere(Exception):
    """Another syncer has the right to do this."""


@dataclass(slots=True)
class Verdict:
    """What a comparison found: how many files of each kind, how many wrong sums by store, and how long it took."""

    seconds: float = 0.0
    by_kind: Counter[str] = field(default_factory=Counter)
    lagging: int = 0
    repaired: int = 0
    wrong_sums: Counter[str] = field(default_factory=Counter)

    @property
    def equal(self) -> bool:
        """Whether nothing differed."""
        return not self.by_kind and not self.wrong_sums

    @property
    def mended(self) -> bool:
        """Whether nothing differs any more."""
        return self.repaired == self.by_kind.total() and not self.wrong_sums


def run(syncer: Syncer, metrics: Metrics, outages: Outages) -> None:
    """Copy until the process is to stop; a batch in hand is finished, and the right given up.

    Meanwhile the indexes of the target are kept up to date.
    """
    keep_warm(syncer, metrics, outages.stopping)
    try:
        while True:
            outages.stopping.wait(outages.outlive(syncer.step))
    except Stopped:
        pass
    finally:
        _give_up(syncer)


def once(syncer: Syncer, outages: Outages) -> None:
    """Copy what there is now and return. Raises Elsewhere, Stopped, StorageUnavailable."""
    last = outages.outlive(syncer.pair.source.last_sequence)
    try:
        while True:
            delay = outages.outlive(syncer.step)
            if syncer.is_elsewhere:
                raise Elsewhere
            if (syncer.is_caught_up and delay) or syncer.has_copied(last):
                return
            outages.stopping.wait(delay)
    finally:
        _give_up(syncer)


def fill(syncer: Syncer, outages: Outages, tell: Callable[[], None] = lambda: None) -> None:
    """Copy all files there are and return. Raises as ``once``."""
    try:
        while True:
            delay = outages.outlive(syncer.fill)
            tell()
            if syncer.is_elsewhere:
                raise Elsewhere
            if syncer.is_caught_up:
                return
            outages.stopping.wait(delay)
    finally:
        _give_up(syncer)


def verify(
    pair: Pair,
    metrics: Metrics,
    stopping: threading.Event,
    *,
    wait_seconds: float,
    tell: Told,
    mend: Mend | None = None,
    full: bool = False,
) -> Verdict:
    """Compare the two stores once, telling each difference; with ``mend`` put it right as well.

    With ``full`` every record is read, whatever the sums say.
    """
    verdict, started = Verdict(), time.monotonic()

    def wrong_sums(role: str, bucket: int) -> None:
        verdict.wrong_sums[role] += 1

    if full or not is_equal(pair):
        for difference in differences(
            pair, wait_seconds=wait_seconds, wait=stopping.wait, full=full, wrong_sums=wrong_sums
        ):
            if stopping.is_set():
                raise Stopped
            tell(difference)
            verdict.by_kind[difference.kind] += 1
            verdict.lagging += difference.lagging
            if mend is not None and not difference.lagging and mend(difference):
                verdict.repaired += 1
                metrics.repairs.labels(difference.kind).inc()
    verdict.seconds = time.monotonic() - started
    metrics.parity.set(verdict.mended)
    metrics.verified_at.set_to_current_time()
    metrics.differences.clear()
    for kind, count in verdict.by_kind.items():
        metrics.differences.labels(kind).set(count)
    return verdict


def mender(pair: Pair, *, to_source: bool) -> Mend:
    """Repairs differences in one of the two directions.

    From a target that was never filled the source loses nothing: what is missing there was never there.
    """
    if not to_source:
        return lambda difference: repair(difference.file_id, leader=pair.source, follower=pair.target)
    was_filled = bool(pair.source.checkpoint(pair.consumer))

    def mend(difference: Difference) -> bool:
        is_unknown = difference.target_revision == 0
        return (was_filled or not is_unknown) and repair(difference.file_id, leader=pair.target, follower=pair.source)

    return mend


def watch(
    pair: Pair,
    metrics: Metrics,
    outages: Outages,
    *,
    wait_seconds: float,
    interval_seconds: float,
    tell: Told,
    full: bool = False,
    report: Callable[[Verdict], None],
) -> Verdict:
    """Compare again and again until the process is to stop; returns what the last comparison found."""
    verdict = Verdict()
    try:
        while True:
            try:
                verdict = verify(pair, metrics, outages.stopping, wait_seconds=wait_seconds, tell=tell, full=full)
            except StorageUnavailable:
                metrics.parity.set(-1)
                outages.outlive(lambda: (pair.source.ping(), pair.target.ping()))
                continue
            report(verdict)
            if outages.stopping.wait(interval_seconds):
                return verdict
    except Stopped:
        return verdict


def _give_up(syncer: Syncer) -> None:
    try:
        syncer.give_up()
    except StorageUnavailable:
        # The lease runs out by itself.
        logger.warning("the right could not be given up")
