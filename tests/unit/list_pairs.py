"""A core whose lists a second store answers, and a syncer that copies when it is told to."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from files_service.runtime.breaker import LONGEST_OPEN_SECONDS
from files_service.services.listing.list_store import ListStore
from files_service.services.listing.router import Lists
from files_service.services.listing.sync_progress import consumer_of
from storage_adapters import (
    MARK,
    CopyMark,
    CopySource,
    FileRecord,
    MetadataStore,
    RecordDeleted,
    StorageUnavailable,
    SupportsIdentity,
    Tombstone,
    open_metadata_store,
)
from storage_adapters.metadata.memory import MemoryMetadataStore
from tests.contract.metadata_scenes import revision_of
from tests.cores import call, memory_core
from tests.feeds import file_changes

URL = "sqlite:///lists.db"
CONSUMER = consumer_of(URL)
PATIENCE_SECONDS = 20.0


class Clock:
    """A time that passes when it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Pair:
    """A core with a list store, and a syncer that copies when it is told to."""

    def __init__(self, folder: Path, timeout_seconds: float) -> None:
        self.clock = Clock()
        self.copy = open_metadata_store(f"sqlite:///{folder}/copy.db")
        self.is_down = False
        self.opened = 0
        primary = memory_core(folder)
        assert isinstance(primary.metadata, MemoryMetadataStore)
        self.feed = primary.metadata
        self.second = ListStore(
            URL, cast(CopySource, self.feed), timeout_seconds=timeout_seconds, open_store=self._open, clock=self.clock
        )
        self.core = replace(primary, lists=Lists(primary.metadata, "memory", self.second))

    def _open(self, url: str) -> MetadataStore:
        assert url == URL
        self.opened += 1
        if self.is_down:
            raise StorageUnavailable("the server is down")
        return self.copy

    def sync(self) -> None:
        """Bring the copy up to date, then move the checkpoint, as the syncer does."""
        reached = self.feed.last_sequence()
        for change in file_changes(self.feed, after=self.feed.checkpoint(CONSUMER), limit=10_000):
            self._take_over(change.file_id)
        assert isinstance(self.copy, SupportsIdentity)
        mark = CopyMark(source=self.feed.identity(), checkpoint=reached).to_text()
        assert self.copy.write_note(MARK, expected=self.copy.read_note(MARK), text=mark)
        self.feed.move_checkpoint(CONSUMER, expected=self.feed.checkpoint(CONSUMER), sequence=reached)

    def copy_one(self, file_id: str) -> None:
        """Copy a file without moving the checkpoint, as a syncer in the middle of a batch has done."""
        self._take_over(file_id)

    def _take_over(self, file_id: str) -> None:
        wanted: FileRecord | Tombstone
        try:
            wanted = self.core.metadata.get(file_id)
        except RecordDeleted as error:
            wanted = error.tombstone
        # By single saves: whatever a store can replicate by, the revision is what counts here.
        while (stored := revision_of(self.copy, file_id)) < wanted.revision:
            if isinstance(wanted, Tombstone) and stored:
                self.copy.delete(file_id, expected_revision=stored, deleted_at=1, event=None, clean_after=None)
            elif isinstance(wanted, FileRecord):
                self.copy.save(wanted, expected_revision=stored, changed_at=1, event=None)

    def healed(self, **params: Any) -> bool:
        """Whether the list store answers, after as many rests as it takes."""
        if not self.is_being_tried():
            self.clock.now += LONGEST_OPEN_SECONDS
        return self.asked(**params) == "sqlite"

    def is_being_tried(self) -> bool:
        """Whether a try of the list store, or of one of its indexes, is under way."""
        return any(each.is_being_tried for each in (self.second.breaker, *self.second.index_breakers.values()))

    def asked(self, **params: Any) -> str:
        """Which store answers a list."""
        return str(call(self.core, "files.list", owner="ann", **params)["served_by"])


def stand_still(patch: pytest.MonkeyPatch, store: MetadataStore, method: str) -> threading.Event:
    """Let a real store stand still in a method until the event is set; ``calls`` of the event counts who came."""
    real, go_on = getattr(store, method), threading.Event()

    def wait(*args: Any, **kwargs: Any) -> Any:
        go_on.wait(PATIENCE_SECONDS)
        return real(*args, **kwargs)

    patch.setattr(store, method, wait)
    return go_on


def fail(patch: pytest.MonkeyPatch, store: MetadataStore, method: str, error: Exception | None = None) -> list[str]:
    """Let a method of a real store fail; the list grows with each call."""
    calls: list[str] = []

    def refuse(*args: Any, **kwargs: Any) -> Any:
        calls.append(method)
        raise error or StorageUnavailable("connection refused")

    patch.setattr(store, method, refuse)
    return calls
