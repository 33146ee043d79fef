"""Bytes of former contents: scrubbed, marked, repaired, scanned and deleted like those of a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from files_service.core import Core
from files_service.domain.uploads import part_key
from files_service.domain.versions import is_lost
from files_service.errors import BytesLost
from files_service.services.notifications.handler import NotificationHandler, Outcome
from files_service.services.notifications.messages import Finalized
from files_service.services.scrub.marks import lost_parts
from files_service.services.scrub.repair import recheck, repair_from
from storage_adapters import FileRecord, Part, SupportsLocalFiles
from tests.clocks import Clock
from tests.cores import call, processed_file, refusal, sqlite_core
from tests.unit.lost_bytes import chunked_file, rot, scrub
from tests.unit.versions.scenes import (
    bring_to_rest,
    chunked_version,
    contents,
    named_keys,
    new_version,
    processed_upload,
    stored_keys,
    version_ids,
)

CHUNKS = b"chunk" * 1000


@pytest.fixture
def disk(tmp_path: Path, clock: Clock) -> Iterator[Core]:
    """A core on the local disk."""
    opened = sqlite_core(tmp_path, chunk_bytes=1024)
    yield replace(opened, clock=clock, timer=clock)
    opened.close()


def blob_version(core: Core, file_id: str) -> None:
    new_version(core, file_id, b"second")


def chunk_version(core: Core, file_id: str) -> None:
    call(core, "files.process", file_id=chunked_version(core, file_id, CHUNKS))


def former(core: Core, file_id: str) -> tuple[FileRecord, Part]:
    record = core.metadata.get(file_id)
    return record, record.versions[-1].parts[0]


def damage(core: Core, part: Part) -> None:
    assert isinstance(core.blobs, SupportsLocalFiles)
    rot(core.blobs.local_path(part.key))


def test_a_rotten_former_content_is_marked_and_the_current_one_is_not(disk: Core) -> None:
    file_id = processed_file(disk, b"one")["file_id"]
    new_version(disk, file_id, b"second")
    record, part = former(disk, file_id)
    damage(disk, part)
    assert [found[:3] for found in scrub(disk)] == [(file_id, "p0", "rotten")]
    record = disk.metadata.get(file_id)
    assert record.lost_parts == (f"{file_id}-p0",)
    assert (is_lost(record, part), is_lost(record, record.parts[0])) == (True, False)
    assert call(disk, "files.download", file_id=file_id)["urls"]
    assert isinstance(refusal(disk, "versions.download", file_id=file_id, version_id=file_id), BytesLost)
    call(disk, "files.sync", deep=True)
    assert disk.metadata.get(file_id).lost_parts == (f"{file_id}-p0",)


def test_a_mark_follows_its_part_to_the_former_contents_and_back(disk: Core) -> None:
    file_id = processed_file(disk, b"one")["file_id"]
    damage(disk, disk.metadata.get(file_id).parts[0])
    scrub(disk)
    assert disk.metadata.get(file_id).lost_parts == ("p0",)
    new_version(disk, file_id, b"second")
    assert disk.metadata.get(file_id).lost_parts == (f"{file_id}-p0",)
    second = version_ids(disk, file_id)[-1]
    call(disk, "versions.restore", file_id=file_id, version_id=file_id)
    assert disk.metadata.get(file_id).lost_parts == ("p0",)
    assert isinstance(refusal(disk, "files.download", file_id=file_id), BytesLost)
    call(disk, "versions.restore", file_id=file_id, version_id=second)
    assert disk.metadata.get(file_id).lost_parts == (f"{file_id}-p0",)
    # One mark, found by the file that has the part.
    [mark] = lost_parts(disk.metadata, now=disk.clock())
    assert not recheck(disk, mark)


@pytest.mark.parametrize("marked_before", [False, True])
def test_a_lost_former_content_is_repaired_by_the_same_bytes(disk: Core, marked_before: bool) -> None:
    file_id = processed_file(disk, b"one")["file_id"]
    upload = processed_upload(disk, file_id, b"second")
    if marked_before:
        damage(disk, upload.parts[0])
        scrub(disk)
    call(disk, "files.sync")
    new_version(disk, file_id, b"third")
    if not marked_before:
        damage(disk, former(disk, file_id)[1])
        scrub(disk)
    assert disk.metadata.get(file_id).lost_parts == (f"{upload.file_id}-p0",)
    donor = processed_file(disk, b"second")
    list(repair_from(disk, donor["file_id"]))
    assert disk.metadata.get(file_id).lost_parts == ()
    assert list(lost_parts(disk.metadata, now=disk.clock())) == []
    assert contents(disk, file_id) == [b"one", b"second", b"third"]


def test_the_mark_of_a_removed_version_is_forgotten(disk: Core, clock: Clock) -> None:
    file_id = processed_file(disk, b"one")["file_id"]
    new_version(disk, file_id, b"second")
    damage(disk, former(disk, file_id)[1])
    scrub(disk)
    call(disk, "versions.remove", file_id=file_id, version_id=file_id)
    assert disk.metadata.get(file_id).lost_parts == ()
    [mark] = lost_parts(disk.metadata, now=clock())
    assert recheck(disk, mark)
    assert list(lost_parts(disk.metadata, now=clock())) == []


@pytest.mark.parametrize("version", [blob_version, chunk_version])
def test_the_scan_for_orphans_knows_the_bytes_of_versions(
    disk: Core, clock: Clock, version: Callable[[Core, str], None]
) -> None:
    """The keys name an upload that is deleted; the bytes are those of the file."""
    file_id = processed_file(disk, b"one")["file_id"]
    version(disk, file_id)
    version(disk, file_id)
    kept = stored_keys(disk)
    clock.pass_seconds(40 * 86_400)
    report: Any = call(disk, "files.sync", deep=True)
    assert (report["orphans"], report["unnamed"], report["lost"]) == ([], [], [])
    bring_to_rest(disk, clock, days=30)
    assert stored_keys(disk) == kept == named_keys(disk)


def test_the_scan_deletes_what_a_file_has_no_more(disk: Core, clock: Clock) -> None:
    """As after the restoration of older metadata: nothing else knows of the blob."""
    file_id = processed_file(disk, b"one")["file_id"]
    new_version(disk, file_id, b"second")
    orphan = part_key("ann", version_ids(disk, file_id)[-1], "p7")
    disk.blobs.put(orphan, [b"late"], content_type="text/plain", now=clock())
    clock.pass_seconds(40 * 86_400)
    report: Any = call(disk, "files.sync", deep=True)
    assert report["orphans"] == [orphan]
    assert contents(disk, file_id) == [b"one", b"second"]


def test_chunks_that_versions_share_go_with_the_last(disk: Core, clock: Clock) -> None:
    """Two versions and another file have chunks of the same bytes."""
    file_id = processed_file(disk, b"one")["file_id"]
    chunk_version(disk, file_id)
    new_version(disk, file_id, b"between")
    other = chunked_file(disk, CHUNKS)["file_id"]
    chunk_version(disk, file_id)
    shared = version_ids(disk, file_id)[1]
    call(disk, "versions.remove", file_id=file_id, version_id=shared)
    call(disk, "files.remove", file_id=other)
    bring_to_rest(disk, clock, days=10)
    assert contents(disk, file_id) == [b"one", b"between", CHUNKS]
    new_version(disk, file_id, b"last")
    call(disk, "versions.remove", file_id=file_id, version_id=version_ids(disk, file_id)[2])
    bring_to_rest(disk, clock, days=10)
    assert stored_keys(disk) == named_keys(disk)
    assert not any("/chunks/" in key for key in stored_keys(disk))


def test_a_late_notification_of_an_absorbed_upload_is_acknowledged(core: Core) -> None:
    file_id = processed_file(core, b"one")["file_id"]
    new_version(core, file_id, b"second")
    record = core.metadata.get(file_id)
    for part in record.stored_parts:
        news = Finalized(bucket=part.bucket, name=part.key, generation=7, size=part.size, md5=None, crc32c=part.crc32c)
        assert NotificationHandler(core).handle(news).outcome is Outcome.DUPLICATE
    assert core.metadata.get(file_id) == record
    assert contents(core, file_id) == [b"one", b"second"]
