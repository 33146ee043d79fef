"""Chunk objects that no upload and no manifest names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from files_service.core import Core
from files_service.domain.chunking import chunk_key
from files_service.domain.uploads import owner_segment
from files_service.services.chunk_orphans import domain_of, remember_domain
from files_service.services.opening import open_core
from files_service.services.uploads.chunk_store import ChunkStore
from files_service.services.uploads.finish import complete
from files_service.services.uploads.quota import uploads_of
from files_service.services.uploads.session import Beginning, UploadSession, begin
from files_service.services.uploads.sweep import sweep_uploads
from files_service.worker.sweeper import Sweeper
from storage_adapters import FileRecord, SupportsChanges, SupportsUploads
from tests.adapters.gcs_buckets import gcs_environ, running_fake
from tests.clocks import Clock
from tests.cores import call, settings_for
from tests.unit.test_orphan_scan import deep, is_stored

DAY = 86_400
KEPT = 7 * DAY
CONTENT = b"0123456789" * 300


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "local", "gcs"])
def core(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Core]:
    limits: dict[str, Any] = {
        "chunk_bytes": 1_024,
        "upload_ttl_seconds": 3_600,
        "orphan_seconds": KEPT,
        "free_disk_bytes": 0,
    }
    with running_fake() as fake:
        fake.now = lambda: clock.now / 1_000
        environ = {
            "memory": {"FILES_METADATA_URL": "memory://", "FILES_BLOBS_URL": "memory://"},
            "local": {},
            "gcs": gcs_environ(fake),
        }[request.param]
        opened = open_core(replace(settings_for(tmp_path, **environ), **limits))
        yield replace(opened, clock=clock, timer=clock)
        opened.close()


def uploaded(core: Core, owner: str = "ann") -> FileRecord:
    upload = begin(core, Beginning(owner=owner, size=len(CONTENT), name="clip.bin"))
    ChunkStore(core, uploads_of(core)).store(upload, 0, memoryview(CONTENT))
    result = complete(core, UploadSession(uploads_of(core).get_upload(upload.upload_id)))
    assert result is not None
    return result.record


def put_chunk(core: Core, content: bytes = b"late", owner: str = "ann", token: str = "0" * 15) -> str:
    """Store a chunk under a token that is not, or no longer, that of its place."""
    object_id = hashlib.sha256(content).hexdigest()
    key = chunk_key(owner, object_id, token)
    core.blobs.put(key, [content], content_type="a/b", now=core.clock(), declared={"sha256": object_id})
    return key


def changes(core: Core) -> int:
    """How many changes of files and documents the store has seen."""
    assert isinstance(core.metadata, SupportsChanges)
    return len(core.metadata.changes(after="", limit=10_000))


def test_chunks_that_uploads_and_manifests_name_are_no_orphans(core: Core, clock: Clock) -> None:
    uploaded(core)
    upload = begin(core, Beginning(owner="ann", size=None, name="open"))
    ChunkStore(core, uploads_of(core)).store(upload, 0, memoryview(b"open"))
    clock.pass_seconds(KEPT + DAY)
    assert deep(core) == {}


def test_an_orphan_of_a_known_owner_is_deleted_after_its_quarantine(core: Core, clock: Clock) -> None:
    uploaded(core)
    orphans = sorted([put_chunk(core), put_chunk(core, CONTENT[:1_024])])
    assert deep(core) == {}
    clock.pass_seconds(KEPT - 1)
    assert deep(core) == {}
    clock.pass_seconds(1)
    before = changes(core)
    assert deep(core, dry_run=True) == {"orphans": orphans}
    assert changes(core) == before
    assert all(is_stored(core, key) for key in orphans)
    assert deep(core, owner="bob") == {}
    assert deep(core, owner="ann") == {"orphans": orphans}
    assert not any(is_stored(core, key) for key in orphans)
    assert deep(core) == {}


def test_a_chunk_of_an_unknown_owner_is_told_and_left_alone(core: Core, clock: Clock) -> None:
    key = put_chunk(core, owner="bob")
    clock.pass_seconds(KEPT)
    assert deep(core) == {"unnamed": [key]}
    assert is_stored(core, key)


def test_a_slow_writer_that_comes_after_the_sweep_leaves_an_orphan_that_the_sweeper_deletes(
    core: Core, clock: Clock
) -> None:
    uploads = core.metadata
    assert isinstance(uploads, SupportsUploads)
    object_id = hashlib.sha256(b"late").hexdigest()
    [place] = uploads.reserve_chunks("ann", [object_id], now=clock())
    clock.pass_seconds(DAY)
    assert sweep_uploads(core)["chunks"] == 1
    key = put_chunk(core, token=place.token)
    clock.pass_seconds(KEPT)
    Sweeper(core, holder="one").step()
    assert not is_stored(core, key)


def test_a_store_that_lacks_the_manifests_deletes_no_chunk(core: Core, clock: Clock) -> None:
    """As the target of a syncer: it has the records and the documents, and not the uploads."""
    record = uploaded(core)
    deep(core)
    clock.pass_seconds(KEPT)
    uploads_of(core).delete_upload(f"{record.file_id}-p0", now=clock())
    while uploads_of(core).mark_garbage(unused_before=clock() + 1, limit=100):
        uploads_of(core).forget_garbage(uploads_of(core).mark_garbage(unused_before=clock() + 1, limit=100))
    found = deep(core)
    assert found["lost"] == [record.file_id]
    assert "orphans" not in found
    assert len(found["unnamed"]) == 1


def test_domains_are_remembered_once(core: Core) -> None:
    for domain in ("ann", "bob", "ann", "bob"):
        remember_domain(core, domain)
    assert changes(core) == 2
    assert domain_of(core, owner_segment("bob")) == "bob"


def test_a_scan_reads_a_bounded_number_of_objects_per_call(core: Core, clock: Clock) -> None:
    uploaded(core)
    keys = sorted(put_chunk(core, b"%d" % number) for number in range(150))
    clock.pass_seconds(KEPT)
    report = call(core, "files.sync", deep=True)
    assert report["counts"]["orphans"] <= 100
    assert report["next_cursor"] is not None
    assert deep(core)["orphans"] == sorted(set(keys) - set(report["orphans"]))
