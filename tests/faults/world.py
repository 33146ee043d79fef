"""The service in a folder, with a clock and ids of its own: opened, used, killed, opened again, brought to rest."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from files_service.config import Settings
from files_service.core import Core
from files_service.messaging.events import EventPublisher
from files_service.services.listing.router import Lists
from files_service.worker.processor import Processor
from files_service.worker.relay import Relay
from files_service.worker.sweeper import Sweeper
from storage_adapters import (
    JSON,
    BlobOptions,
    Change,
    FileRecord,
    FileStatus,
    MetadataStore,
    RecordDeleted,
    SupportsChanges,
    Tombstone,
    open_blob_store,
    open_metadata_store,
)
from tests.clocks import Clock, Patience
from tests.contract.consistency import assert_consistent
from tests.cores import forget_looks, settings_for
from tests.feeds import by_file, file_changes, is_announced

DAY = 86_400_000
ROUNDS = 200


@dataclass
class Ids:
    """File ids in order; each phase of a test begins at another number, so that none is given twice."""

    last: int

    def __call__(self) -> str:
        self.last += 1
        return f"{self.last:026}"


class FilePublisher(EventPublisher):
    """The outside world, a JSON text sequence: what was published stays published, whoever dies."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "events.jsonl"

    def publish(self, event: str, payload: JSON, *, event_id: str) -> None:
        text = json.dumps({"event": event, "event_id": event_id, "payload": payload})
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(descriptor, f"\x1e{text}\n".encode())
        os.close(descriptor)

    def close(self) -> None:
        """Nothing is open."""

    def published(self) -> list[JSON]:
        """What arrived whole: a writer that is killed within a page leaves half a text (RFC 7464, section 2.1)."""
        texts = self._path.read_text().split("\x1e") if self._path.exists() else []
        return [json.loads(text) for text in texts if text.endswith("\n")]


@dataclass
class World:
    """One folder and what is open on it."""

    folder: Path
    core: Core
    clock: Clock
    publisher: FilePublisher = field(init=False)

    def __post_init__(self) -> None:
        self.publisher = FilePublisher(self.folder)

    def relay(self, holder: str = "relay") -> Relay:
        return Relay(self.core, self.publisher, holder=holder)

    def feed(self) -> list[Change]:
        assert isinstance(self.core.metadata, SupportsChanges)
        return file_changes(self.core.metadata, after="", limit=1_000_000)

    def stored_keys(self) -> set[str]:
        root = self.folder / "blobs" / "blobs"
        return {str(path.relative_to(root)).removesuffix(".blob") for path in root.rglob("*.blob")}

    def bring_to_rest(self) -> None:
        """Let a new worker do all there is to do, with time passing."""
        relay, processor = self.relay("new relay"), Processor(self.core)
        sweeper = Sweeper(self.core, holder="new sweeper")
        for _ in range(ROUNDS):
            relay.step()
            sweeper.step()
            processor.step()
            while processor.work():
                pass
            relay.step()
            if self._at_rest(relay):
                break
            self.clock.pass_seconds(10)
        relay.give_up()
        sweeper.give_up()
        assert self._at_rest(relay), "something is stuck"

    def _at_rest(self, relay: Relay) -> bool:
        metadata = self.core.metadata
        assert isinstance(metadata, SupportsChanges)
        busy = metadata.usage(None).by_status.keys() & {FileStatus.UPLOADED.value, FileStatus.PROCESSING.value}
        relayed = is_announced(metadata)
        return relayed and not busy and not metadata.unclean(now=self.clock(), limit=1)


@contextmanager
def opened(folder: Path, *, clock: Clock, first_id: int) -> Iterator[World]:
    """Open the stores of a folder, as a start or restart does."""
    settings = _settings()
    options = BlobOptions(signing_key=settings.signing_key.encode(), public_url=settings.public_url)
    metadata = open_metadata_store(f"sqlite:///{folder / 'files.db'}")
    core = Core(
        metadata=metadata,
        blobs=open_blob_store(f"file://{folder / 'blobs'}", options),
        settings=settings,
        lists=Lists(metadata, "sqlite"),
        clock=clock,
        timer=clock,
        new_id=Ids(first_id),
        stopping=Patience(clock),
    )
    try:
        yield World(folder, core, clock)
    finally:
        core.close()


@cache
def _settings() -> Settings:
    # Read once: to read them again for each of a thousand restarts takes longer than the restarts.
    with TemporaryDirectory() as folder:
        return replace(settings_for(Path(folder)), lease_seconds=5)


def assert_sound(world: World) -> list[FileRecord]:
    """What must hold at any moment after a start, before anything was repaired."""
    records = assert_consistent(world.core.metadata)
    announced = {change.file_id: change.revision for change in world.feed() if not change.deleted}
    assert {record.file_id: record.revision for record in records}.items() <= announced.items(), "not in the feed"
    stored = world.stored_keys()
    for record in records:
        assert record.status is not FileStatus.PENDING or record.missing_parts, "all parts there, and still pending"
        received = {part.key for part in record.parts if part.received_at is not None}
        assert received <= stored, "bytes that were received are gone"
    owned = {part.key for record in records for part in record.parts} | _keys_of_tombstones(world)
    assert stored <= owned, "bytes that belong to nobody"
    return records


def assert_announced(world: World) -> None:
    """Every event of the feed was published under its id, in the order of its file, and nothing else was."""
    published = world.publisher.published()
    expected = [f"{change.file_id}:{change.revision}" for change in world.feed() if change.event is not None]
    assert by_file(dict.fromkeys(each["event_id"] for each in published)) == by_file(expected)
    events = {f"{change.file_id}:{change.revision}": change.event for change in world.feed()}
    for each in published:
        assert each["event"] == events[each["event_id"]]
        assert "request_id" not in each["payload"]
    processed: dict[str, set[str]] = defaultdict(set)
    for each in published:
        if each["event"] == "processed":
            processed[each["payload"]["file_id"]].add(each["event_id"])
    assert all(len(ids) == 1 for ids in processed.values()), processed


def assert_nothing_left(world: World) -> list[FileRecord]:
    """After all times are over: finished files with their bytes, and not a byte more."""
    world.clock.now += 8 * DAY
    forget_looks(world.core)
    world.bring_to_rest()
    records = assert_sound(world)
    assert {record.status for record in records} <= {FileStatus.PROCESSED, FileStatus.FAILED}
    assert world.stored_keys() == {part.key for record in records for part in record.parts}
    unfinished = [path for path in (world.folder / "blobs" / "tmp").rglob("*") if path.is_file()]
    assert [path.suffix for path in unfinished] == [".lock"], "unfinished blobs of dead processes are there"
    return records


def _keys_of_tombstones(world: World) -> set[str]:
    deleted = (change.file_id for change in world.feed() if change.deleted)
    tombstones = (tombstone_of(world.core.metadata, file_id) for file_id in deleted)
    return {part.key for tombstone in tombstones for part in tombstone.parts}


def tombstone_of(store: MetadataStore, file_id: str) -> Tombstone:
    try:
        store.get(file_id)
    except RecordDeleted as error:
        return error.tombstone
    raise AssertionError(f"{file_id} is not deleted")
