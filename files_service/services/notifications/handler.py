"""What a notification of the blob store means for a file: files.finish, unless there is nothing to finish.

1. Every outcome is settled: the notification is not wanted again. Only an error is a reason to deliver it once more.
2. A notification that describes the declared bytes completes the part without asking the store, which said it already;
   processing looks at the bytes in any case. Whatever else it says is decided by files.finish on what is stored.
3. A part is received once. The same generation again is a duplicate, an older one is late, a newer one is foreign.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import unquote, urlsplit

from files_service.core import Core
from files_service.domain.chunking import CHUNKS
from files_service.domain.uploads import mismatch, names_in_key, part_with_key
from files_service.errors import Gone, NotFound, PartMismatch, storage_errors_as_files_errors
from files_service.services.files import change, load_or_tombstone
from files_service.services.notifications.messages import Finalized, Ignored
from files_service.services.parts import PartAddress, Receive, discard, finish_part
from storage_adapters import BlobInfo, FileRecord, FileStatus, Part, RecordNotFound, Tombstone


class Outcome(StrEnum):
    """How a notification was settled."""

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
class Settled:
    """An outcome and what to say of it in the log."""

    outcome: Outcome
    details: Mapping[str, Any] = field(default_factory=dict)


class Completion:
    """Settles notifications of one bucket. May be called from several threads at once."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._bucket = core.blobs.bucket
        self._prefix = prefix_of(core.settings.blobs_url)

    def settle(self, news: Finalized | Ignored) -> Settled:
        """Do what the notification calls for. Raises FilesError when that is not possible now."""
        if isinstance(news, Ignored):
            return Settled(Outcome.OTHER_EVENT, {"file_event": news.event})
        key = self._key_of(news)
        names = names_in_key(key) if key is not None else None
        about = {"bucket": news.bucket, "object": news.name, "generation": news.generation}
        if key is None or names is None or names[0] == CHUNKS:
            return Settled(Outcome.FOREIGN, about)
        about["file_id"], about["part_id"] = names
        with storage_errors_as_files_errors():
            outcome, more = self._settle_part(names, key, news)
        return Settled(outcome, about | more)

    def _key_of(self, news: Finalized) -> str | None:
        if news.bucket != self._bucket or not news.name.startswith(self._prefix):
            return None
        return news.name.removeprefix(self._prefix)

    def _settle_part(self, names: tuple[str, str], key: str, news: Finalized) -> tuple[Outcome, dict[str, Any]]:
        try:
            record = load_or_tombstone(self._core, names[0])
        except RecordNotFound:
            return Outcome.UNKNOWN, {}
        if isinstance(record, Tombstone):
            return self._bury_late_object(record, key, news), {}
        part = part_with_key(record, key, news.bucket)
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
        """Have the store asked: the notification does not say enough, or what it says is not what was declared."""
        announced = {
            "generation": str(news.generation),
            "size": news.size,
            "md5": news.md5,
            "crc32c": news.crc32c,
        }
        try:
            with storage_errors_as_files_errors():
                finished = finish_part(self._core, PartAddress(bucket=news.bucket, key=key), announced=announced)
        except NotFound:
            # The object went again since, or never was one of ours.
            return Outcome.UNKNOWN, {}
        except Gone:
            return Outcome.GONE, {}
        except PartMismatch as error:
            stale = error.details.get("field") == "generation"
            return (Outcome.STALE if stale else Outcome.MISMATCH), {"reason": str(error)}
        return _outcome(finished.record.status.value, duplicate=finished.duplicate), {}

    def _bury_late_object(self, tombstone: Tombstone, key: str, news: Finalized) -> Outcome:
        """Delete an object whose file is gone, if its tombstone says that it is to go. Else the sweep deals with it.

        A tombstone without parts may be that of a file whose bytes were to be kept.
        """
        part = next((part for part in tombstone.parts if (part.key, part.bucket) == (key, news.bucket)), None)
        if part is not None:
            discard(part, _blob(news, key, size=news.size or 0), self._core)
        return Outcome.GONE


def prefix_of(blobs_url: str) -> str:
    """What stands before every key in the names of the bucket's objects: the path of a ``gs://`` URL."""
    parts = urlsplit(blobs_url)
    path = unquote(parts.path).strip("/") if parts.scheme == "gs" else ""
    return f"{path}/" if path else ""


def _seen_before(part: Part, news: Finalized) -> Outcome:
    stored = part.generation or ""
    # A store whose generations are no numbers has one for each key.
    if not (stored.isascii() and stored.isdigit()) or int(stored) == news.generation:
        return Outcome.DUPLICATE
    return Outcome.STALE if news.generation < int(stored) else Outcome.OVERWRITTEN


def _described(news: Finalized, key: str) -> BlobInfo | None:
    """The object as its notification describes it, if that is enough to judge it by."""
    if news.size is None or (news.md5 is None and news.crc32c is None):
        return None
    return _blob(news, key, size=news.size)


def _blob(news: Finalized, key: str, *, size: int) -> BlobInfo:
    return BlobInfo(
        bucket=news.bucket,
        key=key,
        size=size,
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
