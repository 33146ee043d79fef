"""The quota of an owner who deletes and uploads again, on any store that keeps uploads and documents."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import pytest

from files_service.core import Core
from files_service.errors import FilesError, InsufficientStorage, PartMismatch
from files_service.services import quarantine
from files_service.services.files import remove
from files_service.services.listing.router import Lists
from files_service.services.uploads.concatenate import begin_joined, join
from files_service.services.uploads.finish import complete
from files_service.services.uploads.quota import uploads_of
from files_service.services.uploads.session import Beginning, UploadSession, begin
from files_service.services.uploads.terminate import terminate
from files_service.services.uploads.whole import store_whole
from files_service.services.uploads.writer import IN_FLIGHT, Engine, Stream
from files_service.worker.sweeper import Sweeper
from storage_adapters import Change, FileRecord, MetadataStore, SupportsChanges, Upload
from storage_adapters.blobs.memory import MemoryBlobStore
from tests.clocks import Clock
from tests.cores import at_once, settings_for

QUOTA, SIZE, CHUNK, QUARANTINE, SWEEP, TTL = 10_000, 4_000, 1_024, 400, 100, 1_000
# Chunks of an upload without a size, which are looked at side by side.
SLACK = IN_FLIGHT * CHUNK
_serial = count()


@dataclass
class Scene:
    """A service on the store, with a clock of its own and a worker that runs when told."""

    core: Core
    clock: Clock
    blobs: MemoryBlobStore
    engine: Engine
    sweeper: Sweeper
    seen: str = ""

    @property
    def stored(self) -> int:
        """The bytes on the disk."""
        return sum(each.size for each in self.blobs.scan(prefix="", after="", limit=10_000))

    @property
    def used(self) -> int:
        """What counts for ann, but for open uploads."""
        return self.core.metadata.usage("ann").total.bytes + quarantine.held_bytes(self.core, "ann")

    def work(self) -> None:
        """Let the worker notice removals and sweep."""
        assert isinstance(self.core.metadata, SupportsChanges)
        for change in self.core.metadata.changes(after=self.seen, limit=10_000):
            self.seen = change.sequence
            if isinstance(change, Change) and change.deleted:
                self.sweeper.notice_removal(change.file_id)
        self.sweeper.step()

    def live_on(self, seconds: int) -> None:
        """Let time pass while the worker runs."""
        for _ in range(0, seconds, SWEEP):
            self.clock.pass_seconds(SWEEP)
            self.work()


def fresh() -> bytes:
    """Bytes that are stored nowhere yet."""
    return hashlib.shake_128(str(next(_serial)).encode()).digest(SIZE)


def sent(scene: Scene, data: bytes, **said: object) -> Upload:
    """An upload with these bytes, not finished."""
    upload = begin(scene.core, Beginning(owner="ann", **{"size": len(data), **said}))  # type: ignore[arg-type]
    stream = Stream(scene.engine, upload, 0)
    try:
        stream.write(data)
        return stream.finish()
    finally:
        stream.abort()


def finished(scene: Scene, upload: Upload) -> FileRecord:
    done = complete(scene.core, UploadSession(upload))
    assert done is not None
    return done.record


def by_removal(scene: Scene) -> None:
    removed(scene, finished(scene, sent(scene, fresh())).file_id)


def by_removal_of_a_small_file(scene: Scene) -> None:
    removed(scene, store_whole(scene.core, Beginning(owner="ann", size=SIZE), fresh()).record.file_id)


def removed(scene: Scene, file_id: str) -> None:
    remove(scene.core, file_id, "ann")


def by_termination(scene: Scene) -> None:
    terminate(scene.core, sent(scene, fresh()), "ann")


def by_termination_of_a_partial_one(scene: Scene) -> None:
    terminate(scene.core, sent(scene, fresh(), partial=True), "ann")


def by_termination_without_a_size(scene: Scene) -> None:
    terminate(scene.core, sent(scene, fresh(), size=None), "ann")


def by_a_wrong_checksum(scene: Scene) -> None:
    upload = sent(scene, fresh(), sha256="0" * 64)
    with pytest.raises(PartMismatch):
        complete(scene.core, UploadSession(upload))
    terminate(scene.core, uploads_of(scene.core).create_upload(upload), "ann")


def by_a_refused_body(scene: Scene) -> None:
    upload = begin(scene.core, Beginning(owner="ann", size=SIZE))
    stream = Stream(scene.engine, upload, 0, check=hashlib.sha256())
    stream.write(fresh())
    stream.flush()
    stream.abort()
    terminate(scene.core, upload, "ann")


def by_removal_of_a_joined_file(scene: Scene) -> None:
    data = fresh()
    parts = [sent(scene, half, partial=True) for half in (data[: SIZE // 2], data[SIZE // 2 :])]
    whole = Beginning(owner="ann", size=None)
    joined = begin_joined(scene.core, whole, [each.upload_id for each in parts], "ann")
    removed(scene, finished(scene, join(scene.core, joined)).file_id)


WAYS: list[Callable[[Scene], None]] = [
    by_removal,
    by_removal_of_a_small_file,
    by_termination,
    by_termination_of_a_partial_one,
    by_termination_without_a_size,
    by_a_wrong_checksum,
    by_a_refused_body,
    by_removal_of_a_joined_file,
]


class QuarantineContract:
    """For stores that keep uploads and documents. Subclasses give ``store``."""

    @pytest.fixture
    def scene(self, store: MetadataStore, tmp_path: Path) -> Iterator[Scene]:
        clock = Clock()
        settings = replace(
            settings_for(tmp_path, FILES_METADATA_URL="memory://", FILES_BLOBS_URL="memory://"),
            owner_quota_bytes=QUOTA,
            chunk_bytes=CHUNK,
            chunk_quarantine_seconds=QUARANTINE,
            sweep_interval_seconds=SWEEP,
            upload_ttl_seconds=TTL,
        )
        blobs = MemoryBlobStore()
        core = Core(
            metadata=store, blobs=blobs, settings=settings, lists=Lists(store, "store"), clock=clock, timer=clock
        )
        engine = Engine(core, uploads_of(core))
        yield Scene(core, clock, blobs, engine, Sweeper(core, holder="one"))
        engine.close()

    @pytest.mark.parametrize("way", WAYS)
    def test_an_owner_who_deletes_and_uploads_again_stays_within_the_quota(
        self, scene: Scene, way: Callable[[Scene], None]
    ) -> None:
        refused = done = 0
        for _ in range(5):
            for _ in range(3):
                try:
                    way(scene)
                    done += 1
                except InsufficientStorage:
                    refused += 1
                assert scene.stored <= QUOTA + SLACK
                scene.work()
            scene.live_on(QUARANTINE // 2)
        assert refused or way is by_removal_of_a_small_file, "small files are one blob, which is deleted at once"
        assert done >= 2
        scene.live_on(TTL + 2 * QUARANTINE)
        assert (scene.stored, scene.used) == (0, 0)
        finished(scene, sent(scene, hashlib.shake_128(b"all of it").digest(QUOTA)))

    def test_what_is_removed_counts_until_the_worker_has_deleted_it(self, scene: Scene) -> None:
        store_whole(scene.core, Beginning(owner="ann", size=SIZE), fresh())
        by_removal_of_a_small_file(scene)
        assert scene.stored == scene.used == 2 * SIZE
        scene.clock.pass_seconds(3 * QUARANTINE)
        assert scene.used == 2 * SIZE, "no worker runs"
        scene.work()
        assert scene.stored == scene.used == SIZE

    def test_a_removal_that_is_repeated_counts_once(self, scene: Scene) -> None:
        file_id = finished(scene, sent(scene, fresh())).file_id
        for _ in range(3):
            removed(scene, file_id)
            scene.work()
            assert scene.used == SIZE
            scene.sweeper.notice_removal(file_id)

    def test_removals_at_once_count_together(self, scene: Scene) -> None:
        size = QUOTA // 8
        uploads = [sent(scene, fresh()[:size]) for _ in range(8)]
        at_once(8, lambda index: terminate(scene.core, uploads[index], "ann"))
        scene.work()
        assert scene.used == 8 * size
        with pytest.raises(InsufficientStorage):
            begin(scene.core, Beginning(owner="ann", size=1))
        begin(scene.core, Beginning(owner="bob", size=QUOTA))

    def test_an_upload_without_bytes_leaves_nothing_to_count(self, scene: Scene) -> None:
        for _ in range(3):
            terminate(scene.core, begin(scene.core, Beginning(owner="ann", size=QUOTA)), "ann")
            assert scene.used == 0

    def test_an_expired_upload_counts_until_its_bytes_are_gone(self, scene: Scene) -> None:
        sent(scene, fresh()[:-1], size=SIZE)
        sent(scene, fresh(), partial=True)
        scene.clock.pass_seconds(TTL)
        scene.work()
        assert scene.stored == scene.used == 2 * SIZE - 1
        scene.live_on(2 * QUARANTINE)
        assert scene.stored == scene.used == 0

    def test_parts_of_a_joined_file_that_another_upload_waits_for_stay(self, scene: Scene) -> None:
        first, second = (
            sent(scene, fresh()[:1_000], partial=True),
            begin(scene.core, Beginning(owner="ann", size=500, partial=True)),
        )
        one = begin_joined(scene.core, Beginning(owner="ann", size=None), [first.upload_id], "ann")
        other = begin_joined(scene.core, Beginning(owner="ann", size=None), [first.upload_id, second.upload_id], "ann")
        removed(scene, finished(scene, join(scene.core, one)).file_id)
        scene.work()
        stream = Stream(scene.engine, second, 0)
        stream.write(b"x" * 500)
        stream.finish()
        assert finished(scene, join(scene.core, other)).size == 1_500
        with suppress(FilesError):
            terminate(scene.core, first, "ann")
