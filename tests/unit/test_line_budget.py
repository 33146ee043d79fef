"""The bound on log lines that clients cause: what is left out is counted and reported."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from files_service.runtime.line_budget import MOST, MOST_OF_KIND, WINDOW_SECONDS, LineBudget

LOGGER = logging.getLogger("tests.line_budget")


class Counted:
    """A budget at a time of our choice, and the number of lines that it left out."""

    def __init__(self) -> None:
        self.now, self.left_out = 0.0, 0
        self.budget = LineBudget(LOGGER, "request", self._count, clock=lambda: self.now)

    def _count(self) -> None:
        self.left_out += 1


@pytest.fixture
def counted() -> Counted:
    return Counted()


def reports(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [vars(record) for record in caplog.records if record.getMessage() == "lines left out"]


def test_a_kind_has_so_many_lines_in_a_minute_and_takes_none_from_others(counted: Counted) -> None:
    assert [counted.budget.admits("ann", "404") for _ in range(MOST_OF_KIND + 5)] == [True] * MOST_OF_KIND + [False] * 5
    assert counted.left_out == 5
    assert counted.budget.admits("bob", "404")
    counted.now += WINDOW_SECONDS
    assert counted.budget.admits("ann", "404")


def test_all_kinds_together_have_so_many(counted: Counted) -> None:
    assert sum(counted.budget.admits(str(number)) for number in range(MOST + 100)) == MOST
    assert counted.left_out == 100


def test_the_end_of_the_minute_says_how_many_were_left_out(counted: Counted, caplog: pytest.LogCaptureFixture) -> None:
    for lines, kind in ((MOST_OF_KIND + 7, "404"), (MOST_OF_KIND + 2, "401")):
        for _ in range(lines):
            counted.budget.admits("ann", kind)
    counted.budget.report()
    assert not reports(caplog)
    counted.now += WINDOW_SECONDS
    counted.budget.report()
    counted.budget.report()
    [line] = reports(caplog)
    assert (line["of"], line["lines"], line["most"]) == ("request", 9, {"ann 404": 7, "ann 401": 2})


def test_however_many_kinds_there_are_all_lines_are_reported(
    counted: Counted, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(MOST + 10_000):
        counted.budget.admits(str(number))
    counted.budget.report(now=True)
    [line] = reports(caplog)
    assert line["lines"] == 10_000
    assert line["most"]["others"] > 5_000
