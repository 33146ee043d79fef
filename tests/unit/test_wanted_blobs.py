"""Every holder of stored bytes: what must be there is walked, and nothing that may still be needed has no claim."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from files_service.core import Core
from files_service.domain.chunking import aside_key, chunk_key
from files_service.domain.uploads import part_key
from files_service.services.blob_claims import Claim, claims_on
from files_service.services.chunk_orphans import remember_domain
from files_service.services.uploads.chunk_bytes import write_chunk
from files_service.services.uploads.chunk_store import ChunkStore
from files_service.services.uploads.quota import uploads_of
from files_service.services.uploads.session import Beginning, begin
from files_service.services.wanted_blobs import wanted_blobs
from storage_adapters import FileRecord, Page, StorageUnavailable, SupportsListing
from tests.clocks import Clock
from tests.cores import call, memory_core, pending_file, processed_file, put_parts, sqlite_core, with_preview
from tests.unit.lost_bytes import chunked_file
from tests.unit.test_imported_files import imported, store_bytes
from tests.unit.versions.scenes import new_version

CONTENT = b"0123456789" * 300
NOBODY = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


@pytest.fixture(params=[memory_core, sqlite_core])
def core(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Core]:
    opened = request.param(tmp_path, chunk_bytes=1_024, free_disk_bytes=0)
    clock = Clock()
    yield replace(opened, clock=clock, timer=clock)
    opened.close()


def stored(core: Core) -> set[str]:
    assert isinstance(core.blobs, SupportsListing)
    return {info.key for info in core.blobs.scan(limit=1_000)}


def walked(core: Core) -> set[str]:
    return {blob.key for blob in wanted_blobs(core)}


def claims(core: Core) -> dict[str, Claim]:
    assert isinstance(core.blobs, SupportsListing)
    infos = core.blobs.scan(limit=1_000)
    return {info.key: claim for info, claim in zip(infos, claims_on(core, infos), strict=True)}


def open_upload(core: Core, *, partial: bool = False) -> None:
    upload = begin(core, Beginning(owner="ann", size=None, name="clip.bin", partial=partial))
    ChunkStore(core, uploads_of(core)).store(upload, 0, memoryview(CONTENT))


def manifest(core: Core) -> FileRecord:
    return core.metadata.get(chunked_file(core, CONTENT)["file_id"])


def version(core: Core) -> None:
    new_version(core, processed_file(core, b"first")["file_id"], b"second")


def hidden_version(core: Core) -> None:
    file_id = processed_file(core, b"first")["file_id"]
    upload = begin(core, Beginning(owner="ann", size=None, name="clip.bin", version_of=file_id))
    ChunkStore(core, uploads_of(core)).store(upload, 0, memoryview(CONTENT))


def trashed(core: Core) -> None:
    call(core, "files.trash", file_id=processed_file(core)["file_id"])


def cloned(core: Core) -> None:
    call(core, "files.clone", file_id=processed_file(core)["file_id"], owner="bob")


def of_another_service(core: Core) -> None:
    imported(core)
    store_bytes(core)


HOLDERS: dict[str, Callable[[Core], object]] = {
    "parts": lambda core: processed_file(core, b"one", b"two"),
    "chunks of a manifest": manifest,
    "chunks of an open upload": open_upload,
    "chunks of a partial upload": lambda core: open_upload(core, partial=True),
    "a former version": version,
    "the upload of a version": hidden_version,
    "derived parts": lambda core: with_preview(core, processed_file(core)["file_id"], poster=b"p", hover=b"h"),
    "a file in the trash": trashed,
    "a clone": cloned,
    "an imported file": of_another_service,
}


@pytest.mark.parametrize("holder", HOLDERS)
def test_the_walk_meets_all_that_is_acknowledged(core: Core, holder: str) -> None:
    HOLDERS[holder](core)
    assert walked(core) == stored(core) != set()
    assert set(claims(core).values()) <= {Claim.NAMED, Claim.UNKNOWN}


def pending(core: Core) -> None:
    put_parts(core, pending_file(core), [b"content"])


def removed(core: Core, *, soft: bool) -> None:
    call(core, "files.remove", file_id=processed_file(core)["file_id"], soft=soft)


def reserved(core: Core) -> None:
    remember_domain(core, "ann")
    object_id = hashlib.sha256(CONTENT).hexdigest()
    [place] = uploads_of(core).reserve_chunks("ann", [object_id], now=core.clock())
    write_chunk(core, chunk_key("ann", object_id, place.token), memoryview(CONTENT), object_id)


def unused(core: Core) -> None:
    remember_domain(core, "ann")
    call(core, "files.remove", file_id=manifest(core).file_id)


def aside(core: Core) -> None:
    key = aside_key(chunk_key("ann", hashlib.sha256(CONTENT).hexdigest(), "0" * 15))
    core.blobs.put(key, [CONTENT], content_type="a/b", now=core.clock())


KEPT: dict[str, tuple[Callable[[Core], None], Claim]] = {
    "bytes before their notification": (pending, Claim.NAMED),
    "a removed file before its sweep": (lambda core: removed(core, soft=False), Claim.NAMED),
    "a file removed without its bytes": (lambda core: removed(core, soft=True), Claim.UNKNOWN),
    "a chunk that is about to be named": (reserved, Claim.NAMED),
    "chunks in quarantine, which the next upload may name": (unused, Claim.NAMED),
    "bad bytes that were moved aside": (aside, Claim.UNKNOWN),
}


@pytest.mark.parametrize("kept", KEPT)
def test_what_the_walk_does_not_meet_has_a_claim(core: Core, kept: str) -> None:
    make, claim = KEPT[kept]
    make(core)
    assert walked(core) & stored(core) == set()
    assert set(claims(core).values()) == {claim}


def test_bytes_of_nobody_have_no_claim(core: Core) -> None:
    manifest(core)
    remember_domain(core, "ann")
    object_id = hashlib.sha256(b"late").hexdigest()
    chunk = chunk_key("ann", object_id, "0" * 15)
    core.blobs.put(chunk, [b"late"], content_type="a/b", now=core.clock(), declared={"sha256": object_id})
    part = part_key("ann", NOBODY, "p0")
    core.blobs.put(part, [b"late"], content_type="a/b", now=core.clock())
    assert {key for key, claim in claims(core).items() if claim is Claim.NONE} == {chunk, part}
    assert walked(core) == stored(core) - {chunk, part}


def test_a_lost_blob_leads_to_its_file(core: Core) -> None:
    record = manifest(core)
    found = [blob for blob in wanted_blobs(core) if blob.file_id == record.file_id]
    assert [blob.offset for blob in found] == [0, 1_024, 2_048]
    assert {blob.part_key for blob in found} == {record.parts[0].key}


def test_a_record_that_cannot_be_read_stops_the_walk(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    processed_file(core)
    unreadable = Page(records=(), next_position=None, unreadable=("01A",))
    monkeypatch.setattr(core.metadata, "find", lambda query: unreadable)
    with pytest.raises(StorageUnavailable, match="01A"):
        walked(core)
