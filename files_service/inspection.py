"""What processing does with the bytes: verify every part, find out the content type, run the hooks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import google_crc32c
import puremagic

from files_service.actions.parameters import content_type_allowed
from files_service.core import Core
from files_service.domain.editing import merge_meta
from files_service.domain.lifecycle import ProcessingFailed
from files_service.domain.uploads import CHECKSUMS, mismatch
from files_service.hooks import Rejected
from storage_adapters import BlobInfo, BlobNotFound, FileRecord, Part

SNIFFED_BYTES = 4_096
UNKNOWN_TYPE = "application/octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What an inspection adds to the record."""

    parts: tuple[Part, ...]
    content_type: str
    meta: dict[str, Any]

    def apply(self, record: FileRecord) -> FileRecord:
        """Put the findings into a record, which may have been edited meanwhile."""
        return replace(
            record, parts=self.parts, content_type=self.content_type, meta=merge_meta(record.meta, self.meta)
        )


def inspect(core: Core, record: FileRecord, keepalive: Callable[[], None]) -> Findings | ProcessingFailed:
    """Verify, sniff and run the hooks; ``keepalive`` is called at least once per MiB read.

    Raises StorageUnavailable when a store went away: that says nothing about the file.
    """

    def read(part: Part) -> Iterator[bytes]:
        for piece in core.blobs.get(part.key):
            keepalive()
            yield piece

    verified = []
    for part in record.parts:
        checked = _verify(core, part, read)
        if isinstance(checked, ProcessingFailed):
            return checked
        verified.append(checked)
    content_type = _content_type(core, record)
    if not content_type_allowed(content_type, core.settings.allowed_content_types):
        return ProcessingFailed("unsupported_type", f"the bytes are {content_type}, which is not taken here")
    meta: dict[str, Any] = {}
    for hook in core.hooks:
        keepalive()
        try:
            meta |= hook.process(replace(record, parts=tuple(verified), content_type=content_type), read)
        except Rejected as error:
            return ProcessingFailed(error.code, error.message)
        except Exception as error:  # noqa: BLE001 - a hook is foreign code; its failure is the file's, not ours
            return ProcessingFailed("hook_failed", f"{type(hook).__name__}: {error}")
    return Findings(parts=tuple(verified), content_type=content_type, meta=meta)


def _verify(core: Core, part: Part, read: Callable[[Part], Iterator[bytes]]) -> Part | ProcessingFailed:
    """Compare a part with its blob; checksums that the store does not know are computed from the bytes."""
    try:
        info = core.blobs.head(part.key)
        unknown = [name for name in CHECKSUMS if getattr(part, name) and not getattr(info, name)]
        if unknown:
            info = replace(info, **_checksums(read(part), unknown))
    except BlobNotFound:
        return ProcessingFailed("part_missing", f"the bytes of part {part.part_id} are gone")
    fault = mismatch(part, info)
    if fault is not None:
        field, declared, actual = fault
        message = f"{field} of part {part.part_id} is {actual}, declared {declared}"
        return ProcessingFailed("part_mismatch", message)
    return _with_checksums(part, info)


def _with_checksums(part: Part, info: BlobInfo) -> Part:
    return replace(part, **{name: getattr(info, name) or getattr(part, name) for name in CHECKSUMS})


def _checksums(pieces: Iterator[bytes], names: list[str]) -> dict[str, Any]:
    hashes = {name: hashlib.new(name) for name in names if name != "crc32c"}
    crc = google_crc32c.Checksum()
    for piece in pieces:
        for each in hashes.values():
            each.update(piece)
        crc.update(piece)
    found = {name: each.hexdigest() for name, each in hashes.items()}
    return found | ({"crc32c": crc.digest().hex()} if "crc32c" in names else {})


def _content_type(core: Core, record: FileRecord) -> str:
    """The declared type; where none was declared, what the first bytes say."""
    if record.content_type != UNKNOWN_TYPE or record.size == 0:
        return record.content_type
    head = b"".join(core.blobs.get(record.parts[0].key, offset=0, length=SNIFFED_BYTES))
    try:
        return puremagic.from_string(head, mime=True) or UNKNOWN_TYPE
    except (puremagic.PureError, ValueError):
        return UNKNOWN_TYPE
