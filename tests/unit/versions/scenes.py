"""Uploads of versions, what their file has then, and what is stored."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from files_service.core import Core
from files_service.domain.chunking import manifest_of
from files_service.domain.versions import all_versions
from files_service.services import content
from files_service.services.processing import record_outcome, take
from files_service.services.uploads.finish import complete
from files_service.services.uploads.quota import uploads_of
from files_service.services.uploads.session import Beginning, UploadSession, begin
from files_service.services.uploads.writer import Engine, Stream
from files_service.services.verification import verify
from files_service.worker.processor import Processor
from files_service.worker.sweeper import Sweeper
from storage_adapters import JSON, FileRecord, ListQuery, Part, SupportsListing
from tests.clocks import Clock
from tests.contract.metadata_scenes import walk
from tests.cores import call, forget_looks, pending_file, put_parts

DAY = 86_400


def uploaded_version(core: Core, file_id: str, data: bytes, **params: Any) -> JSON:
    """The upload of a version, whose bytes are there."""
    record = pending_file(core, data, name=None, version_of=file_id, **params)
    put_parts(core, record, [data])
    call(core, "files.finish", file_id=record["file_id"], part_id="p0")
    return record


def chunked_version(core: Core, file_id: str, data: bytes, *, owner: str = "ann", label: str | None = None) -> str:
    """Upload a version in chunks; return the id of the upload's file."""
    upload = begin(core, Beginning(owner=owner, size=len(data), version_of=file_id, label=label))
    with closing(Engine(core, uploads_of(core))) as engine:
        stream = Stream(engine, upload, 0)
        stream.write(data)
        complete(core, UploadSession(stream.finish()))
    return upload.upload_id.partition("-")[0]


def new_version(core: Core, file_id: str, data: bytes, **params: Any) -> JSON:
    """Upload and process a version; return the record of its file."""
    upload = uploaded_version(core, file_id, data, **params)
    return call(core, "files.process", file_id=upload["file_id"])


def processed_upload(core: Core, file_id: str, data: bytes, **params: Any) -> FileRecord:
    """The upload of a version whose worker died when it had processed it."""
    upload = core.metadata.get(uploaded_version(core, file_id, data, **params)["file_id"])
    taken = take(upload, "gone", core, force=False)
    taken = core.metadata.save(taken, expected_revision=upload.revision, changed_at=core.clock(), event=None)
    return record_outcome(core, taken, "gone", verify(core, taken, lambda: None))


def read(core: Core, part: Part) -> bytes:
    return b"".join(content.read(core, part))


def contents(core: Core, file_id: str) -> list[bytes]:
    """The bytes of all versions, oldest first."""
    record = core.metadata.get(file_id)
    return [b"".join(read(core, part) for part in each.parts) for each in all_versions(record)]


def version_ids(core: Core, file_id: str) -> list[str]:
    """The ids of all versions, oldest first."""
    return [each.version_id for each in all_versions(core.metadata.get(file_id))]


def stored_keys(core: Core) -> set[str]:
    assert isinstance(core.blobs, SupportsListing)
    return {info.key for info in core.blobs.scan(prefix="", after="", limit=100_000)}


def named_keys(core: Core) -> set[str]:
    """The keys of all bytes that records name."""
    keys: set[str] = set()
    for record in walk(core.metadata, ListQuery(section=None, limit=100)):
        for part in record.stored_parts:
            if manifest_of(part) is None:
                keys.add(part.key)
            else:
                keys |= {key for key, _, _ in content.chunk_slices(core, part, 0, part.size)}
    return keys


def bring_to_rest(core: Core, clock: Clock, *, days: int = 0) -> None:
    """Let a new worker do all there is to do, in a while; the last that it does is to sweep."""
    for _ in range(3):
        clock.pass_seconds(days * DAY / 3)
        forget_looks(core)
        processor = Processor(core)
        for _ in range(3):
            processor.step()
            while processor.work():
                pass
            clock.pass_seconds(15)
        forget_looks(core)
        sweeper = Sweeper(core, holder=core.new_id())
        assert sweeper.sweep()
        sweeper.give_up()
