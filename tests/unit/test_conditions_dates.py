"""Dates of conditional requests, in every form of RFC 9110 and in every local zone."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from files_service.gateway.transfer.conditions import Representation, evaluate

FOUND = Representation(size=10, tag="t", modified=784_111_777)


@pytest.fixture(params=["UTC", "Asia/Tokyo", "America/Los_Angeles"], autouse=True)
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    "date", ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
)
def test_the_local_zone_does_not_change_a_date(date: str) -> None:
    assert evaluate("GET", {"If-Modified-Since": date}, FOUND).status == 304
    assert evaluate("GET", {"If-Unmodified-Since": date}, FOUND).status == 200
    assert evaluate("GET", {"Range": "bytes=0-1", "If-Range": date}, FOUND).status == 206


def test_a_date_one_second_earlier_is_another(zone: None) -> None:
    date = "Sun Nov  6 08:49:36 1994"
    assert evaluate("GET", {"If-Modified-Since": date}, FOUND).status == 200
    assert evaluate("GET", {"If-Unmodified-Since": date}, FOUND).status == 412
