"""Verification of files: compare every part, detect the content type, run the hooks."""

from __future__ import annotations

import hashlib
from asyncio import CancelledError
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import google_crc32c
import orjson
import puremagic
from isal.isal_zlib import crc32

from files_service.core import Core
from files_service.domain.chunking import manifest_of
from files_service.domain.editing import MAX_META_BYTES, MAX_META_DEPTH, depth_of, merge_meta
from files_service.domain.lifecycle import ProcessingFailed
from files_service.domain.media_types import UNKNOWN_TYPE
from files_service.domain.uploads import CHECKSUMS, mismatch
from files_service.services import content
from files_service.services.content_types import content_type_allowed
from files_service.services.hooks import ProcessingHook, ReadPart, Rejected
from files_service.services.media.derivation import Derivation, derive
from files_service.services.sniffing import type_of_bytes
from storage_adapters import BlobInfo, BlobNotFound, FileRecord, Part

SNIFFED_BYTES = 4_096
WEAK_CONFIDENCE = 0.2
MAX_MESSAGE = 500


class Abandoned(Exception):
    """The worker stops and releases the file unchanged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """Changes to the record that follow from the verification; ``derivation`` is what was made of the content."""

    parts: tuple[Part, ...]
    content_type: str
    meta: dict[str, Any]
    derivation: Derivation | None = None

    def apply(self, record: FileRecord) -> FileRecord:
        """Apply the findings to a record; edits that users made meanwhile take precedence."""
        content_type = self.content_type if record.content_type == UNKNOWN_TYPE else record.content_type
        meta = merge_meta(record.meta, self.meta)
        found = replace(record, parts=self.parts, content_type=content_type, meta=meta)
        return found if self.derivation is None else self.derivation.apply(found)


def verify(
    core: Core, record: FileRecord, keepalive: Callable[[], None], *, thorough: bool = False
) -> Findings | ProcessingFailed:
    """Verify every part, detect the content type, run the hooks and derive previews.

    ``keepalive`` is called at least once per MiB read, and every second.

    ``thorough`` also asks the store for each chunk of a part, which costs a request each.
    Raises the errors of ``keepalive``, and StorageUnavailable, which is no finding about the file.
    """

    def read(part: Part) -> Iterator[bytes]:
        for piece in content.read(core, part):
            keepalive()
            yield piece

    verified = []
    try:
        for part in record.parts:
            keepalive()
            if thorough and not content.has_all_chunks(core, part):
                return failed("part_missing", f"bytes of part {part.part_id} are lost")
            checked = _verify_part(core, part, read)
            if isinstance(checked, ProcessingFailed):
                return checked
            verified.append(checked)
        content_type = _content_type(core, replace(record, parts=tuple(verified)))
    except BlobNotFound as error:
        return failed("part_missing", f"bytes are gone: {error}")
    if not content_type_allowed(content_type, core.settings.allowed_content_types):
        return failed("unsupported_type", f"the bytes are {content_type}, which is not allowed")
    verified_record = replace(record, parts=tuple(verified), content_type=content_type)
    meta: dict[str, Any] = {}
    for hook in core.hooks:
        keepalive()
        added = _run_hook(hook, verified_record, read)
        if isinstance(added, ProcessingFailed):
            return added
        meta |= added
    if len(orjson.dumps(merge_meta(record.meta, meta))) > MAX_META_BYTES:
        return failed("hook_failed", f"the hooks made meta larger than {MAX_META_BYTES} bytes")
    if depth_of(meta) > MAX_META_DEPTH:
        return failed("hook_failed", f"the hooks nested meta deeper than {MAX_META_DEPTH} levels")
    derivation = derive(core, replace(verified_record, meta=merge_meta(record.meta, meta)), keepalive)
    return Findings(parts=tuple(verified), content_type=content_type, meta=meta, derivation=derivation)


def failed(code: str, message: str) -> ProcessingFailed:
    """Return a failure with texts of any origin that are cut and cleaned for a record."""

    def storable(text: str) -> str:
        return text.encode(errors="replace").decode()[:MAX_MESSAGE]

    return ProcessingFailed(storable(code), storable(message))


def _run_hook(hook: ProcessingHook, record: FileRecord, read: ReadPart) -> dict[str, Any] | ProcessingFailed:
    """Run a hook; its failure fails the file, but an error of ``read`` is raised again."""
    interrupted: list[Exception] = []

    def guarded_read(part: Part) -> Iterator[bytes]:
        try:
            yield from read(part)
        except Exception as error:
            interrupted.append(error)
            raise

    try:
        # Through JSON, so that the record has the values that a store returns.
        added: dict[str, Any] = orjson.loads(orjson.dumps(dict(hook.process(record, guarded_read))))
    except Rejected as error:
        outcome: dict[str, Any] | ProcessingFailed = failed(error.code, error.message)
    except (Exception, SystemExit, CancelledError) as error:  # noqa: BLE001 - foreign code, which must end no thread
        outcome = failed("hook_failed", f"{type(hook).__name__}: {error}")
    else:
        outcome = added
    for cause in interrupted:
        if isinstance(cause, BlobNotFound):
            return failed("part_missing", f"bytes are gone: {cause}")
        raise cause
    return outcome


def _verify_part(core: Core, part: Part, read: Callable[[Part], Iterator[bytes]]) -> Part | ProcessingFailed:
    """Compare a part with its blob; compute the checksums that the store does not have.

    The blob may be another one than on record, as after a restore from a backup: the same content is taken.
    """
    info = content.head(core, part)
    part = replace(part, generation=info.generation)
    unknown = [name for name in CHECKSUMS if getattr(part, name) and not getattr(info, name)]
    if manifest_of(part) and not info.sha256:
        # Chunks that arrived out of order or in several processes were not hashed as a whole.
        unknown = list({*unknown, "sha256"})
    zip_crc = part.crc32
    if unknown or (manifest_of(part) and zip_crc is None):
        computed = _checksums(read(part), unknown)
        zip_crc = computed.pop("crc32")
        info = replace(info, **computed)
    fault = mismatch(part, info)
    if fault is not None:
        field, declared, actual = fault
        message = f"{field} of part {part.part_id} is {actual}, declared {declared}"
        return failed("part_mismatch", message)
    return _with_checksums(part, info, zip_crc)


def _with_checksums(part: Part, info: BlobInfo, zip_crc: str | None) -> Part:
    return replace(part, **{name: getattr(info, name) or getattr(part, name) for name in CHECKSUMS}, crc32=zip_crc)


def _checksums(pieces: Iterator[bytes], names: list[str]) -> dict[str, Any]:
    """Compute these checksums, and the CRC-32."""
    hashes = {name: hashlib.new(name) for name in names if name != "crc32c"}
    crc, zip_crc = google_crc32c.Checksum(), 0
    for piece in pieces:
        for each in hashes.values():
            each.update(piece)
        crc.update(piece)
        zip_crc = crc32(piece, zip_crc)
    found = {name: each.hexdigest() for name, each in hashes.items()} | {"crc32": f"{zip_crc:08x}"}
    return found | ({"crc32c": crc.digest().hex()} if "crc32c" in names else {})


def _content_type(core: Core, record: FileRecord) -> str:
    """Return the declared type, or the type of the first bytes when none was declared."""
    if record.content_type != UNKNOWN_TYPE or record.size == 0:
        return record.content_type
    head = b"".join(content.read(core, record.parts[0], offset=0, length=SNIFFED_BYTES))
    found = type_of_bytes(head, whole=record.size == len(head))
    return (_by_signature(head) if found is None else found) or UNKNOWN_TYPE


def _by_signature(head: bytes) -> str:
    """Return the type of the best signature, "" without a good one: one of two bytes is in random bytes, too."""
    try:
        matches = puremagic.magic_string(head)
    except Exception:  # noqa: BLE001 - it parses untrusted bytes and raises errors of many types
        return ""
    good = (each.mime_type for each in matches if each.confidence > WEAK_CONFIDENCE and each.mime_type)
    return str(next(good, ""))
