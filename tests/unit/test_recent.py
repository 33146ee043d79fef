"""Answers that are reused for a short time."""

from __future__ import annotations

from itertools import count

import pytest

from files_service.runtime.recent import Recent


class Clock:
    """A clock that stands still until it is moved."""

    now = 0

    def __call__(self) -> int:
        return self.now


def test_an_answer_counts_from_the_time_at_which_it_was_asked_for() -> None:
    clock, answers = Clock(), count()
    recent: Recent[str, int] = Recent(400, timer=clock)

    def ask() -> int:
        clock.now += 100
        return next(answers)

    assert recent.recent("a") is None
    assert recent.get("a", ask) == 0
    clock.now = 399
    assert (recent.get("a", ask), recent.recent("a")) == (0, (0,))
    clock.now = 400
    assert recent.recent("a") is None
    assert recent.get("a", ask) == 1
    recent.forget("a")
    assert recent.get("a", ask) == 2
    recent.clear()
    assert recent.get("a", ask) == 3


def test_an_error_is_not_kept_and_old_answers_make_room() -> None:
    recent: Recent[int, int] = Recent(400, most=2, timer=Clock())
    with pytest.raises(ZeroDivisionError):
        recent.get(1, lambda: 1 // 0)
    for key in (1, 2, 3):
        recent.get(key, lambda: 7)
    assert [recent.recent(key) for key in (1, 2, 3)] == [None, (7,), (7,)]
