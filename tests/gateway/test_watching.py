"""Watches of running requests, when the look itself fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from itertools import chain, count
from pathlib import Path

import pytest

from files_service.errors import Gone, StorageUnavailable
from files_service.gateway import watching
from files_service.gateway.limits import Limits
from files_service.gateway.state import Gateway
from files_service.runtime.metrics import Metrics
from tests.cores import memory_core
from tests.gateway.serving import WAIT_SECONDS

Look = Callable[[], bool]
FAULT, AWAY = KeyError("a field of a document"), StorageUnavailable("away")


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "LOOK_SECONDS", 0)


def looks(*results: bool | Exception) -> Look:
    """A look that has these results, the last of them for ever."""
    coming = chain(results, (results[-1] for _ in count()))

    def look() -> bool:
        result = next(coming)
        if isinstance(result, Exception):
            raise result
        return result

    return look


def watched(folder: Path, look: Look) -> None:
    """Run a request that lasts until its watch ends it."""
    core = memory_core(folder)

    async def scene() -> None:
        gateway, ended = Gateway(core, Limits(), Metrics()), Gone("the link has ended")
        try:
            async with asyncio.timeout(WAIT_SECONDS), watching.watching_while(gateway, look, ended):
                await asyncio.Event().wait()
        finally:
            gateway.close()

    try:
        asyncio.run(scene())
    finally:
        core.close()


@pytest.mark.parametrize("fault", [FAULT, AWAY])
def test_a_look_that_fails_ends_no_watch(tmp_path: Path, fault: Exception) -> None:
    with pytest.raises(Gone):
        watched(tmp_path, looks(True, fault, True, fault, False))


def test_what_nobody_can_look_at_ends(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    faults = [FAULT] * (watching.MOST_FAULTS - 1)
    with caplog.at_level(logging.ERROR), pytest.raises(Gone):
        watched(tmp_path, looks(*faults, True, FAULT))
    assert [each.getMessage() for each in caplog.records] == ["look at a permission failed"] * (2 * len(faults) + 1)
