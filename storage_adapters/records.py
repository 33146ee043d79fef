"""The stored values: one immutable record per file, and the values it is made of. No I/O, no rules.

Records grow: ``codec`` says how a field is added, and how one that this version does not know is kept.

Times are integer milliseconds since the epoch (UTC) and end in ``_at``; sizes are bytes; checksums are lower-case hex.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

JSON = dict[str, Any]
UnknownFields = tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Growing:
    """A stored value to which later versions add fields; those that this version does not know stay with it.

    They are pairs of a name and a JSON value, in the order of the names. ``dataclasses.replace`` keeps them, and
    because of the underscore orjson leaves them out, so that no answer shows them.
    """

    _unknown: UnknownFields = field(default=(), hash=False, repr=False)

    @property
    def unknown(self) -> UnknownFields:
        """The fields that this version does not know."""
        return self._unknown


def field_names(kind: type[Growing]) -> tuple[str, ...]:
    """Return the fields that this version knows, in their order."""
    return tuple(each.name for each in fields(kind) if not each.name.startswith("_"))


class FileStatus(StrEnum):
    """Status of a file; only ``files_service.domain.lifecycle`` changes it."""

    PENDING = "pending"
    UPLOADED = "uploaded"
    PROCESSING = "processing"
    PROCESSED = "processed"
    FAILED = "failed"


class Access(StrEnum):
    """Readers of a file: owner only, owner and grantees, holders of the link, everyone."""

    PRIVATE = "private"
    SHARED = "shared"
    UNLISTED = "unlisted"
    PUBLIC = "public"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part(Growing):
    """One blob of a file. Sizes and checksums are as declared until ``received_at`` is set, then as stored.

    ``crc32`` is that of ZIP archives, which nobody declares; it is known of bytes that this service has read.
    """

    part_id: str
    type: str
    content_type: str
    size: int
    bucket: str
    key: str
    md5: str | None = None
    crc32c: str | None = None
    sha256: str | None = None
    generation: str | None = None
    received_at: int | None = None
    crc32: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease(Growing):
    """Lease of one worker to process the file, until a time."""

    worker: str
    until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure(Growing):
    """Reason why the last processing failed, and the number of failed attempts."""

    code: str
    message: str
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord(Growing):
    """All that is known of a file. Every change makes a new record with the next ``revision``.

    ``revision`` counts saves from 1; 0 means "never saved". ``request_id`` and ``alias`` are unique per owner.
    ``access_epoch`` counts the changes that have taken the file from readers; signed URLs of an earlier one are void.
    ``urls_expire_at`` is not earlier than the expiry of any upload URL handed out: 0 without one, None when unknown.
    ``lost_parts`` are the ids of received parts whose bytes the blob store has lost.
    """

    file_id: str
    owner: str
    name: str
    created_at: int
    parts: tuple[Part, ...]
    size: int
    content_type: str
    status: FileStatus = FileStatus.PENDING
    access: Access = Access.PRIVATE
    grantees: tuple[str, ...] = ()
    alias: str | None = None
    tags: tuple[str, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
    temporary: bool = False
    immutable: bool = False
    expires_at: int | None = None
    upload_expires_at: int | None = None
    uploaded_at: int | None = None
    processed_at: int | None = None
    error: Failure | None = None
    lease: Lease | None = None
    request_id: str | None = None
    parent_id: str | None = None
    post_action: Mapping[str, Any] | None = None
    revision: int = 0
    access_epoch: int = 0
    urls_expire_at: int | None = None
    lost_parts: tuple[str, ...] = ()

    @property
    def missing_parts(self) -> tuple[Part, ...]:
        """The parts whose bytes have not been seen in the blob store yet."""
        return tuple(part for part in self.parts if part.received_at is None)

    @property
    def publicly_listed(self) -> bool:
        """True when public lists show the file: public, finished once, and not temporary."""
        return self.access is Access.PUBLIC and self.processed_at is not None and not self.temporary

    @property
    def change_token(self) -> str:
        """Id of the write that made this revision; also the id of the event that announces it."""
        return f"{self.file_id}:{self.revision}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone(Growing):
    """Rest of a deleted file: its last revision, and the blobs that are still to be deleted.

    ``parts`` is emptied by ``MetadataStore.mark_clean``. ``clean_after`` is the time from which the blobs may be
    deleted for good: an upload URL handed out before the deletion can bring bytes until then. It equals ``deleted_at``
    when the blobs are kept.
    """

    file_id: str
    owner: str
    revision: int
    deleted_at: int
    clean_after: int
    parts: tuple[Part, ...] = ()

    @classmethod
    def of(cls, last: FileRecord, *, deleted_at: int, clean_after: int | None) -> Tombstone:
        """Return what is left of a record, which has the revision of its deletion; see ``MetadataStore.delete``."""
        return cls(
            file_id=last.file_id,
            owner=last.owner,
            revision=last.revision,
            deleted_at=deleted_at,
            clean_after=deleted_at if clean_after is None else clean_after,
            parts=() if clean_after is None else last.parts,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One entry of the change feed: what a single ``save`` or ``delete`` did.

    ``record`` is the record as that write left it; of a deletion, the last record with the deletion's revision.
    ``event`` is the name to announce, or None when the change concerns no other program (a renewed lease).
    """

    sequence: str
    file_id: str
    revision: int
    deleted: bool
    event: str | None
    record: FileRecord
    changed_at: int


def is_number_passed(sequence: str, checkpoint: str) -> bool:
    """Return True when the checkpoint has passed the change: ``SupportsChanges.has_passed`` for numeric sequences."""
    if sequence == "":
        return True
    return all(text.isascii() and text.isdecimal() for text in (sequence, checkpoint)) and int(sequence) <= int(
        checkpoint
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """A number of files and the sum of their sizes in bytes."""

    files: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Files and bytes of an owner (or everybody); keys without files are absent."""

    total: Tally = Tally()
    by_access: Mapping[str, Tally] = field(default_factory=dict)
    by_content_type: Mapping[str, Tally] = field(default_factory=dict)
    by_status: Mapping[str, Tally] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobInfo:
    """A stored blob: where it is, how long, and which checksums the store vouches for (hex; None = unknown)."""

    bucket: str
    key: str
    size: int
    content_type: str
    created_at: int
    generation: str
    md5: str | None = None
    crc32c: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resealed:
    """Blobs that a step encrypted; ``after`` is the key behind which the next step begins, None at the end."""

    after: str | None
    blobs: int
    bytes: int
    # Keys of blobs whose bytes are not those of their description; they stay as they are.
    damaged: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedUrl:
    """A request that the holder may make until ``expires_at``; the headers are part of what was signed."""

    method: str
    # A secret: messages and logs that show the object do not show it.
    url: str = field(repr=False)
    headers: Mapping[str, str]
    expires_at: int
    protocol: str = "put"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Permission in a signed URL: a request of ``method`` for the key, a PUT only with this content type and size."""

    method: str
    key: str
    expires_at: int
    content_type: str | None = None
    size: int | None = None
    filename: str | None = None
    epoch: int = 0
