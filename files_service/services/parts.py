"""Receipt of parts: compare stored bytes with the declaration, and complete the file with its last part."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from types import MappingProxyType

from files_service.core import Core
from files_service.domain.lifecycle import ProcessingSkipped, advance
from files_service.domain.uploads import find_part, mismatch, names_in_key, receive_part
from files_service.domain.versions import stored_part
from files_service.errors import Busy, Forbidden, Gone, NotFound, PartMismatch, ServiceUnavailable
from files_service.services import content
from files_service.services.files import change, load_owning, require_change
from files_service.services.processing import run_processing
from files_service.services.versions.absorbing import absorb
from storage_adapters import JSON, BlobInfo, FileRecord, FileStatus, Part, Tombstone

_POLL_SECONDS = 0.05
_ANNOUNCED = ("generation", "size", "md5", "crc32c")


@dataclass(frozen=True, slots=True, kw_only=True)
class PartAddress:
    """Address of a part: bucket and key, or file and part id."""

    file_id: str | None = None
    part_id: str | None = None
    bucket: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class FinishedPart:
    """The file after the receipt of a part; ``duplicate`` when the part was received before.

    ``sha256`` is that of the bytes, None where they were not hashed yet.
    """

    record: FileRecord
    duplicate: bool
    sha256: str | None = None


class Receive:
    """Decision to mark a part as received; ``duplicate`` is True when the part was received before."""

    def __init__(self, part: Part, info: BlobInfo, core: Core, crc32: str | None = None) -> None:
        self._part, self._info, self._crc32, self._now = part, info, crc32, core.clock()
        self.duplicate = False

    def __call__(self, record: FileRecord) -> FileRecord:
        """Decide."""
        self.duplicate = self._part not in record.missing_parts
        return receive_part(record, self._part, self._info, now=self._now, crc32=self._crc32)


def finish_part(
    core: Core,
    address: PartAddress,
    *,
    actor: str | None = None,
    announced: Mapping[str, object] | None = None,
    crc32: str | None = None,
    skip_processing: bool = False,
    wait: bool = False,
) -> FinishedPart:
    """Mark a part as received; with the last one the file is uploaded.

    ``announced`` are the attributes of the blob in a notification, ``crc32`` is that of bytes that this process has
    just stored. Raises Forbidden, Gone, NotFound, BlobNotFound, and
    PartMismatch when the bytes differ from the declared or announced ones.
    """
    if skip_processing and actor is not None:
        raise Forbidden("only a trusted system may set skip_processing", {"field": "skip_processing"})
    record, part = _addressed_part(core, address, actor)
    content.complete_parts(core, part)
    finished = receive(core, record, part, content.head(core, part), announced or {}, crc32=crc32)
    record = finished.record
    if skip_processing:
        record = change(core, record.file_id, lambda found: _skip_processing(found, core.clock()), loaded=record)
        record = absorb(core, record)
    if wait:
        record = _wait(record, core)
    return FinishedPart(record, finished.duplicate)


def receive(
    core: Core,
    record: FileRecord,
    part: Part,
    info: BlobInfo,
    announced: Mapping[str, object] = MappingProxyType({}),
    *,
    crc32: str | None = None,
) -> FinishedPart:
    """Verify the stored bytes of a part and mark it as received. Raises PartMismatch."""
    _verify(core, part, info, announced)
    decide = Receive(part, info, core, crc32)
    record = change(core, record.file_id, decide, loaded=record)
    return FinishedPart(record, decide.duplicate)


def _addressed_part(core: Core, address: PartAddress, actor: str | None) -> tuple[FileRecord, Part]:
    names = names_in_key(address.key) if address.key is not None else (address.file_id, address.part_id)
    if names is None or names[0] is None or names[1] is None:
        raise NotFound("no file has a part of this key", {"key": address.key})
    record = load_owning(core, names[0])
    require_change(record, actor)
    if isinstance(record, Tombstone):
        raise Gone("the file was removed", {"file_id": record.file_id})
    if address.key is not None:
        part = stored_part(record, address.key, address.bucket or "")
    elif record.file_id != names[0]:
        # A repeated call for the upload of a version, which has become one.
        part = next((each for each in record.stored_parts if names_in_key(each.key) == names), None)
    else:
        part = find_part(record, names[1])
    if part is None:
        raise NotFound("the file has no such part", {"file_id": record.file_id, "part_id": names[1]})
    return record, part


def _verify(core: Core, part: Part, info: BlobInfo, announced: Mapping[str, object]) -> None:
    """Compare declaration, store and notification; delete bytes that differ from the declaration.

    A blob is written once, so the declared bytes can be stored only after that.
    """
    fault = mismatch(part, info)
    for name in _ANNOUNCED:
        said, actual = announced.get(name), getattr(info, name)
        if fault is None and said is not None and actual is not None and said != actual:
            raise PartMismatch(f"{name} of the notification is not that of the blob", _details(name, said, actual))
    if fault is not None:
        if part.received_at is None:
            content.delete_generation(core, part, info.generation)
        name, declared, actual = fault
        raise PartMismatch(f"{name} of the bytes is {actual}, declared {declared}", _details(name, declared, actual))


def _details(field: str, declared: object, actual: object) -> JSON:
    return {"field": field, "declared": declared, "actual": actual}


def _skip_processing(record: FileRecord, now: int) -> FileRecord:
    return advance(record, ProcessingSkipped(), now=now) if record.status is FileStatus.UPLOADED else record


def _wait(record: FileRecord, core: Core) -> FileRecord:
    """Process the file, or wait for the worker that does, for up to half of the timeout of the call.

    Where too many calls wait already, return at once: a worker processes the file.
    """
    with ExitStack() as place:
        try:
            place.enter_context(core.long_calls.take(record.owner))
        except ServiceUnavailable:
            return record
        return _processed(record, core)


def _processed(record: FileRecord, core: Core) -> FileRecord:
    deadline = core.timer() + core.settings.rpc_timeout_seconds * 1000 // 2
    while record.status in (FileStatus.UPLOADED, FileStatus.PROCESSING) and core.timer() < deadline:
        try:
            record = run_processing(core, record, force=False)
        except Busy:
            if core.stopping.wait(_POLL_SECONDS):
                break
            record = core.metadata.get(record.file_id)
    return record
