"""Completion of uploads: seal the chunks as a manifest, and receive the part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from files_service.core import Core
from files_service.domain.chunking import chunk_key, names_in_upload_id
from files_service.domain.uploads import find_part
from files_service.errors import FilesError, Gone, NotFound, PartMismatch, storage_errors_as_files_errors
from files_service.services import content
from files_service.services.content import chunks_of
from files_service.services.files import is_absorbed
from files_service.services.parts import FinishedPart, PartAddress, finish_part, receive
from files_service.services.quarantine import hold_upload
from files_service.services.uploads.hashing import Checksums, WholeHash, hash_again
from files_service.services.uploads.quota import is_partial, uploads_of
from files_service.services.uploads.session import UploadSession, declare_file
from storage_adapters import BlobNotFound, FileRecord, RecordDeleted, RecordNotFound, Upload, UploadStatus

# Up to this size, an upload with a declared but not computed checksum is read again at once. Processing verifies larger
# ones, because the sender would wait too long for an answer.
READ_AGAIN_BYTES = 64 * 1024 * 1024


class _Sealed(NamedTuple):
    """A file whose upload was sealed just now, and the CRC-32 of its bytes if they were hashed on the way."""

    record: FileRecord
    manifest: Upload
    crc32: str | None


def complete(
    core: Core, session: UploadSession, whole: WholeHash | None = None, *, sha256: str | None = None
) -> FinishedPart | None:
    """Finish an upload that has all bytes; return None for a partial upload, which has no file.

    ``sha256`` is the checksum that the sender expects. Raises PartMismatch when the bytes differ from it or from the
    declaration; the bytes are then deleted and the upload starts again at 0. Idempotent.
    """
    upload = session.upload
    names = names_in_upload_id(upload.upload_id)
    if is_partial(upload) or names is None:
        return None
    with storage_errors_as_files_errors():
        sealed = None
        if upload.status is UploadStatus.OPEN:
            sealed = _seal(core, session, names, whole, sha256)
        elif sha256 is not None and upload.sha256 not in (None, sha256):
            raise _mismatch("sha256", sha256, upload.sha256)
        try:
            if sealed is not None:
                part = find_part(sealed.record, names[1])
                if part is not None and part.received_at is None:
                    info = content.manifest_info(part, sealed.manifest)
                    finished = receive(core, sealed.record, part, info, crc32=sealed.crc32)
                    return replace(finished, sha256=sealed.manifest.sha256)
            finished = finish_part(core, PartAddress(file_id=names[0], part_id=names[1]))
            return replace(finished, sha256=upload.sha256)
        except (Gone, NotFound, RecordNotFound, BlobNotFound):
            _discard(core, upload)
            raise


def _seal(
    core: Core, session: UploadSession, names: tuple[str, str], whole: WholeHash | None, sha256: str | None
) -> _Sealed:
    uploads, upload = uploads_of(core), session.upload
    assert upload.size is not None
    try:
        record = session.record or declare_file(core, upload)
    except RecordDeleted:
        _discard(core, upload)
        raise
    part = find_part(record, names[1])
    declared = {"sha256": sha256 or (part and part.sha256), "md5": part and part.md5}
    known = whole.result(upload.size) if whole is not None else None
    if known is None and upload.chunks == 1 and not declared["md5"]:
        known = Checksums(uploads.list_chunks(upload.upload_id, limit=1)[0].object_id)
    again = sha256 is not None or (any(declared.values()) and upload.size <= READ_AGAIN_BYTES) or upload.size == 0
    if known is None and again:
        known = hash_again(_pieces(core, upload), with_md5=bool(declared["md5"]))
    found = known or Checksums(None)
    for name, wanted in declared.items():
        actual = getattr(found, name)
        if actual is not None and wanted not in (None, actual):
            _discard(core, upload)
            raise _mismatch(name, wanted, actual)
    manifest = uploads.seal_upload(upload.upload_id, sealed_at=core.clock(), sha256=found.sha256, md5=found.md5)
    return _Sealed(record, manifest, found.crc32)


def _discard(core: Core, upload: Upload) -> None:
    """Delete an upload; its bytes count until they are gone, also for a file that can no longer count them.

    The content of a version stays: a repeated request came too late for its upload.
    """
    if is_absorbed(core, upload.upload_id):
        return
    hold_upload(core, upload)
    uploads_of(core).delete_upload(upload.upload_id, now=core.clock())


def _pieces(core: Core, upload: Upload) -> Iterator[bytes]:
    for chunk in chunks_of(core, upload.upload_id):
        yield from core.blobs.get(chunk_key(upload.domain, chunk.object_id, chunk.token))


def _mismatch(name: str, declared: object, actual: object) -> FilesError:
    details = {"field": name, "declared": declared, "actual": actual}
    return PartMismatch(f"{name} of the bytes is {actual}, declared {declared}", details)
