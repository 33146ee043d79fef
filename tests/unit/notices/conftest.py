"""A Bot API for each test."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from apprise.plugins.telegram import NotifyTelegram

from tests.clocks import Clock
from tests.fakes.telegram import BotApi


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[BotApi]:
    """The Bot API to which every bot of this test writes."""
    with BotApi() as api:
        monkeypatch.setattr(NotifyTelegram, "notify_url", api.address)
        yield api


@pytest.fixture
def clock() -> Clock:
    """The time of the test."""
    return Clock()


@pytest.fixture(autouse=True)
def loggers() -> Iterator[None]:
    """Give the loggers that a sender silences back to other tests."""
    touched = [logging.getLogger(name) for name in ("apprise", "urllib3", "requests")]
    before = [(each, each.propagate, each.level, list(each.handlers)) for each in touched]
    yield
    for logger, propagate, level, handlers in before:
        logger.propagate, logger.handlers[:] = propagate, handlers
        logger.setLevel(level)
