"""Calls in threads, of which one cannot be started."""

from __future__ import annotations

import threading
from contextlib import closing

import pytest

from files_service.runtime.executor import Executor
from tests.waiting import PATIENCE_SECONDS


def test_a_thread_that_could_not_be_started_is_started_for_the_next_call(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with closing(Executor("calls", 1)) as executor:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", fail)
            with pytest.raises(RuntimeError):
                executor.begin(lambda: 1)
        assert executor.begin(lambda: 2).result(PATIENCE_SECONDS) == 2
        assert executor.begin(lambda: 3).result(PATIENCE_SECONDS) == 3
