"""How fast a migration goes, and how it is asked to end."""

from __future__ import annotations

import random
import signal
import time

import pytest

from migrations.run import Pace

ROUNDS = 100


def test_a_limited_run_waits_as_long_as_its_files_are_to_take() -> None:
    pace, started = Pace(rate=1_000), time.monotonic()
    for _ in range(10):
        pace.after(20)
    assert time.monotonic() - started >= 0.199


def test_who_asks_for_the_end_is_not_kept_waiting() -> None:
    pace, started = Pace(rate=1), time.monotonic()
    pace.stop()
    pace.after(1_000)
    assert pace.stopped
    assert time.monotonic() - started < 500


@pytest.mark.timeout(60)
def test_a_handler_of_signals_may_ask_for_the_end_whatever_the_main_thread_is_doing() -> None:
    chosen, former = random.Random(1), signal.getsignal(signal.SIGPROF)
    try:
        for _ in range(ROUNDS):
            pace = Pace(rate=1e12)
            signal.signal(signal.SIGPROF, lambda *_, pace=pace: pace.stop())
            signal.setitimer(signal.ITIMER_PROF, chosen.uniform(1e-5, 1e-4))
            while not pace.stopped:
                pace.after(1)
            pace.close()
    finally:
        signal.signal(signal.SIGPROF, former)
