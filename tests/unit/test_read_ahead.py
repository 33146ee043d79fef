"""Reading of several blobs with the next requests under way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from files_service.services.read_ahead import read_ahead
from storage_adapters import BlobNotFound
from tests.waiting import PATIENCE_SECONDS


class Answer(Iterator[bytes]):
    """Pieces of one blob, from a connection that is to be closed."""

    def __init__(self, pieces: list[bytes], closed: threading.Event) -> None:
        self._pieces, self._closed = iter(pieces), closed

    def __next__(self) -> bytes:
        return next(self._pieces)

    def close(self) -> None:
        self._closed.set()


class Store:
    """Answers of a store, some of which come when they are let go."""

    def __init__(self, slow: int) -> None:
        self.slow, self.let_go = slow, threading.Event()
        self.begun: list[threading.Event] = [threading.Event() for _ in range(8)]
        self.closed = [threading.Event() for _ in range(8)]

    def requests(self) -> Iterator[Callable[[], Iterator[bytes]]]:
        return (partial(self.get, number) for number in range(8))

    def get(self, number: int) -> Iterator[bytes]:
        self.begun[number].set()
        if number >= self.slow:
            self.let_go.wait(PATIENCE_SECONDS)
        return Answer([b"%d" % number, b"."], self.closed[number])


def test_answers_come_in_order_and_errors_as_they_are() -> None:
    assert b"".join(read_ahead(Store(8).requests())) == b"0.1.2.3.4.5.6.7."

    def missing() -> Iterator[bytes]:
        raise BlobNotFound("gone")

    answers = read_ahead([lambda: iter([b"a"]), missing])
    assert next(answers) == b"a"
    with pytest.raises(BlobNotFound):
        next(answers)


def test_closing_waits_for_no_answer_and_closes_those_that_come_later() -> None:
    store = Store(slow=2)
    answers = read_ahead(store.requests())
    assert next(answers) == b"0"
    assert all(each.wait(PATIENCE_SECONDS) for each in store.begun[:4])
    with ThreadPoolExecutor(1) as pool:
        try:
            pool.submit(answers.close).result(PATIENCE_SECONDS / 2)  # type: ignore[attr-defined]
            assert not store.let_go.is_set()
        finally:
            store.let_go.set()
    # That which was being read, one that had come, and two that came too late.
    assert all(each.wait(PATIENCE_SECONDS) for each in store.closed[:4])
