"""A comparison with its result and its metrics, made once or periodically."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from storage_adapters import StorageUnavailable
from syncer.metrics import Metrics
from syncer.pair import Pair
from syncer.parity import Difference, differences, is_equal
from syncer.repair import Mend
from syncer.retry import Retry, Stopped


@dataclass(slots=True)
class Verdict:
    """Result of a comparison: differing files by kind, wrong sums by store, and how long it took."""

    seconds: float = 0.0
    by_kind: Counter[str] = field(default_factory=Counter)
    lagging: int = 0
    repaired: int = 0
    wrong_sums: Counter[str] = field(default_factory=Counter)

    @property
    def equal(self) -> bool:
        """True when nothing differed."""
        return not self.by_kind and not self.wrong_sums

    @property
    def mended(self) -> bool:
        """True when no difference is left."""
        return self.repaired == self.by_kind.total() and not self.wrong_sums


def verify(
    pair: Pair,
    metrics: Metrics,
    stopping: threading.Event,
    *,
    wait_seconds: float,
    tell: Callable[[Difference], None],
    mend: Mend | None = None,
    full: bool = False,
) -> Verdict:
    """Compare the two stores once and report each difference; with ``mend``, repair it as well.

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
    metrics.compared(verdict.by_kind, is_equal=verdict.mended)
    return verdict


def watch(
    verify_once: Callable[[], Verdict],
    pair: Pair,
    metrics: Metrics,
    retry: Retry,
    *,
    interval_seconds: float,
    report: Callable[[Verdict], None],
) -> Verdict:
    """Compare again and again until the process is to stop; return what the last comparison found."""
    verdict = Verdict()
    with suppress(Stopped):
        while True:
            try:
                verdict = verify_once()
            except StorageUnavailable:
                metrics.parity.set(-1)
                retry.call(lambda: (pair.source.ping(), pair.target.ping()))
                continue
            report(verdict)
            if retry.stopping.wait(interval_seconds):
                break
    return verdict
