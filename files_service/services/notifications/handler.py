"""Handler of the blob store's notifications: an uploaded object finishes its part, as files.finish does.

1. Every outcome is final. Only after an error must the notification be delivered again.
2. A notification that describes the declared bytes finishes the part without a request to the store, because processing
   verifies the bytes anyway. For any other description, files.finish decides by the stored bytes.
3. A part is received once. A notification of the same generation is a duplicate, of an older one stale, of a newer one
   a report of overwritten bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import unquote, urlsplit

from files_service.core import Core
from files_service.domain.chunking import CHUNKS
from files_service.domain.uploads import mismatch, names_in_key
from files_service.domain.versions import stored_part
from files_service.errors import Gone, NotFound, PartMismatch, storage_errors_as_files_errors
from files_service.services import content
from files_service.services.files import change, load_owning
from files_service.services.notifications.messages import Finalized, Ignored
from files_service.services.parts import PartAddress, Receive, finish_part
from storage_adapters import BlobInfo, BlobNotFound, FileRecord, FileStatus, Part, RecordNotFound, Tombstone


class Outcome(StrEnum):
    """Outcome of a notification."""

    COMPLETED = "completed"
    RECEIVED = "received"
    DUPLICATE = "duplicate"
    STALE = "stale"
    OVERWRITTEN = "overwritten"
    MISMATCH = "mismatch"
    GONE = "gone"
    UNKNOWN = "unknown"
    FOREIGN = "foreign"
    OTHER_EVENT = "other_event"
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class Handled:
    """An outcome and its details for the log."""

    outcome: Outcome
    details: Mapping[str, Any] = field(default_factory=dict)


class NotificationHandler:
    """Handler of the notifications of one bucket. Thread-safe."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._bucket = core.blobs.bucket
        self._prefix = prefix_of(core.settings.blobs_url)

    def handle(self, news: Finalized | Ignored) -> Handled:
        """Apply a notification. Raises FilesError when that is not possible now."""
        if isinstance(news, Ignored):
            return Handled(Outcome.OTHER_EVENT, {"file_event": news.event})
        key = self._key_of(news)
        names = names_in_key(key) if key is not None else None
        about = {"bucket": news.bucket, "object": news.name, "generation": news.generation}
        if key is None or names is None or names[0] == CHUNKS:
            return Handled(Outcome.FOREIGN, about)
        about["file_id"], about["part_id"] = names
        with storage_errors_as_files_errors():
            outcome, more = self._handle_part(names, key, news)
        return Handled(outcome, about | more)

    def _key_of(self, news: Finalized) -> str | None:
        if news.bucket != self._bucket or not news.name.startswith(self._prefix):
            return None
        return news.name.removeprefix(self._prefix)

    def _handle_part(self, names: tuple[str, str], key: str, news: Finalized) -> tuple[Outcome, dict[str, Any]]:
        try:
            record = load_owning(self._core, names[0])
        except RecordNotFound:
            return Outcome.UNKNOWN, {}
        if isinstance(record, Tombstone):
            return self._delete_late_object(record, key, news), {}
        part = stored_part(record, key, news.bucket)
        if part is None:
            return Outcome.UNKNOWN, {}
        if part.received_at is not None and (record.missing_parts or record.status is not FileStatus.PENDING):
            return _seen_before(part, news), {}
        info = _described(news, key)
        if info is not None and mismatch(part, info) is None:
            return self._receive(record, part, info)
        return self._finish(key, news)

    def _receive(self, record: FileRecord, part: Part, info: BlobInfo) -> tuple[Outcome, dict[str, Any]]:
        received = Receive(part, info, self._core)
        record = change(self._core, record.file_id, received, loaded=record)
        return _outcome(record.status.value, duplicate=received.duplicate), {}

    def _finish(self, key: str, news: Finalized) -> tuple[Outcome, dict[str, Any]]:
        """Finish the part by the stored bytes: the notification is incomplete or differs from the declaration."""
        announced = {
            "generation": None if news.generation is None else str(news.generation),
            "size": news.size,
            "md5": news.md5,
            "crc32c": news.crc32c,
        }
        try:
            with storage_errors_as_files_errors():
                finished = finish_part(self._core, PartAddress(bucket=news.bucket, key=key), announced=announced)
        except NotFound:
            # The object was deleted meanwhile, or is not an object of this service.
            return Outcome.UNKNOWN, {}
        except Gone:
            return Outcome.GONE, {}
        except PartMismatch as error:
            stale = error.details.get("field") == "generation"
            return (Outcome.STALE if stale else Outcome.MISMATCH), {"reason": str(error)}
        return _outcome(finished.record.status.value, duplicate=finished.duplicate), {}

    def _delete_late_object(self, tombstone: Tombstone, key: str, news: Finalized) -> Outcome:
        """Delete an object of a deleted file if the tombstone names it; otherwise leave it to the sweep.

        A tombstone without parts may belong to a file that was removed with ``keep_blobs``.
        """
        part = next((part for part in tombstone.parts if (part.key, part.bucket) == (key, news.bucket)), None)
        if part is not None:
            with suppress(BlobNotFound):
                generation = news.generation or self._core.blobs.head(key).generation
                content.delete_generation(self._core, part, str(generation))
        return Outcome.GONE


def prefix_of(blobs_url: str) -> str:
    """Return the prefix of keys in object names: the path of a ``gs://`` or ``s3://`` URL."""
    parts = urlsplit(blobs_url)
    path = unquote(parts.path).strip("/") if parts.scheme in ("gs", "s3") else ""
    return f"{path}/" if path else ""


def _seen_before(part: Part, news: Finalized) -> Outcome:
    stored = part.generation or ""
    if news.generation is None:
        return Outcome.DUPLICATE
    # A store with generations that are not numbers has one generation for each key.
    if not (stored.isascii() and stored.isdigit()) or int(stored) == news.generation:
        return Outcome.DUPLICATE
    return Outcome.STALE if news.generation < int(stored) else Outcome.OVERWRITTEN


def _described(news: Finalized, key: str) -> BlobInfo | None:
    """Return the object as the notification describes it, None without a size and a checksum."""
    if news.size is None or (news.md5 is None and news.crc32c is None):
        return None
    return BlobInfo(
        bucket=news.bucket,
        key=key,
        size=news.size,
        content_type=news.content_type or "",
        created_at=news.event_at or 0,
        generation=str(news.generation),
        md5=news.md5,
        crc32c=news.crc32c,
    )


def _outcome(status: str, *, duplicate: bool) -> Outcome:
    if duplicate:
        return Outcome.DUPLICATE
    return Outcome.RECEIVED if status == FileStatus.PENDING else Outcome.COMPLETED
