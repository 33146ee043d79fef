"""How the tests of the CouchDB store open it, and stop it between two requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from storage_adapters import FileRecord
from storage_adapters.metadata.couchdb import CouchMetadataStore
from storage_adapters.metadata.couchdb.server import Server
from tests.contract.consistency import assert_consistent
from tests.feeds import file_changes


class Killed(BaseException):
    """The process ends here."""


@contextmanager
def opened(url: str) -> Iterator[CouchMetadataStore]:
    store = CouchMetadataStore.from_url(url)
    try:
        yield store
    finally:
        store.close()


def assert_intact(url: str) -> list[FileRecord]:
    """Every answer follows from the records, and the feed tells of each as it is. No writer may run meanwhile."""
    with opened(url) as store:
        records = assert_consistent(store)
        told = {change.file_id: change.revision for change in file_changes(store, after="", limit=1_000_000)}
    for record in records:
        assert told.get(record.file_id) == record.revision, "a durable write is not in the feed"
    return records


def before_each_request(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Call something before every request of every store."""
    request = Server.request

    def watched(self: Server, *args: Any, **kwargs: Any) -> Any:
        act()
        return request(self, *args, **kwargs)

    monkeypatch.setattr(Server, "request", watched)


def killed_before(monkeypatch: pytest.MonkeyPatch, number: int, work: Callable[[], object]) -> bool:
    """Do some work and end it before its n-th request; whether it came that far."""
    count = 0

    def burn() -> None:
        nonlocal count
        count += 1
        if count == number:
            raise Killed

    with monkeypatch.context() as patch:
        before_each_request(patch, burn)
        try:
            work()
        except Killed:
            return True
    return False
