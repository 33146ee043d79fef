"""Native threads that greenlets wait for."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import eventlet
import pytest

from files_service.messaging.rpc.pool import ThreadPool


@pytest.fixture
def pool() -> Iterator[ThreadPool]:
    pool = ThreadPool(4)
    yield pool
    pool.close()


def test_results_and_errors_come_back_to_their_caller(pool: ThreadPool) -> None:
    assert pool.execute(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        pool.execute(divmod, 7, 0)
    assert pool.execute(int, "ff", base=16) == 255


def test_work_is_done_in_at_most_so_many_native_threads(pool: ThreadPool) -> None:
    here, seen = threading.get_ident(), set[int]()

    def work(number: int) -> int:
        seen.add(threading.get_ident())
        time.sleep(0.001)
        return number * number

    waiting = [eventlet.spawn(pool.execute, work, number) for number in range(200)]
    assert [each.wait() for each in waiting] == [number * number for number in range(200)]
    assert here not in seen
    assert 1 < len(seen) <= 4


def test_one_caller_at_a_time_needs_one_thread(pool: ThreadPool) -> None:
    assert len({pool.execute(threading.get_ident) for _ in range(50)}) == 1


def test_the_hub_goes_on_while_threads_work(pool: ThreadPool) -> None:
    release = threading.Event()
    waiting = eventlet.spawn(pool.execute, release.wait, 30)
    ticks = 0
    while ticks < 10:
        eventlet.sleep(0)
        ticks += 1
    assert not waiting.dead
    release.set()
    assert waiting.wait() is True


def test_a_caller_that_was_killed_disturbs_nobody(pool: ThreadPool) -> None:
    release = threading.Event()
    waiting = eventlet.spawn(pool.execute, release.wait, 30)
    eventlet.sleep(0)
    waiting.kill()
    release.set()
    assert [pool.execute(abs, -number) for number in range(20)] == list(range(20))


def test_a_caller_that_ran_out_of_time_goes_on(pool: ThreadPool) -> None:
    release = threading.Event()
    with pytest.raises(eventlet.Timeout), eventlet.Timeout(0.01):
        pool.execute(release.wait, 30)
    release.set()
    assert pool.execute(abs, -1) == 1


def test_closing_does_not_wait_for_a_thread_whose_caller_was_killed() -> None:
    pool, release = ThreadPool(4), threading.Event()
    waiting = eventlet.spawn(pool.execute, release.wait, 30)
    eventlet.sleep(0)
    waiting.kill()
    pool.close()
    release.set()
