"""The stored values: one immutable record per file, and the values it is made of. No I/O, no rules.

Records grow: ``codec`` says how a field is added, and how one that this version does not know is kept.

Times are integer milliseconds since the epoch (UTC) and end in ``_at``; sizes are bytes; checksums are lower-case hex.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
class Version(Growing):
    """A former content of a file; ``created_at`` is the time from which on it was the content.

    What cameras tell of it and its derived parts are those of ``FileRecord``, and come back with a rollback.
    """

    version_id: str
    parts: tuple[Part, ...]
    size: int
    content_type: str
    created_at: int
    author: str | None = None
    label: str | None = None
    captured_at: int | None = None
    captured_offset_minutes: int | None = None
    captured_source: str | None = None
    media: Mapping[str, Any] | None = None
    derived: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord(Growing):
    """All that is known of a file. Every change makes a new record with the next ``revision``.

    ``revision`` counts saves from 1; 0 means "never saved". ``request_id`` and ``alias`` are unique per owner.
    ``access_epoch`` counts the changes that have taken the file from readers; signed URLs of an earlier one are void.
    ``urls_expire_at`` is not earlier than the expiry of any upload URL handed out: 0 without one, None when unknown.
    ``lost_parts`` are the ids of received parts whose bytes the blob store has lost.
    ``path`` is unique per owner, exactly as written, among files that are not in the trash; folders are its prefixes.
    ``trashed_at`` is the time since which the file is in the trash. ``versions`` are former contents, oldest first.
    ``version_of`` is the file whose next version this one is to become; until then no list of files shows it.
    ``version_id`` (None: that of the first), ``version_at``, ``version_author`` and ``version_label`` are those of the
    current content.
    ``captured_at`` is the time at which a picture or clip was taken, ``captured_offset_minutes`` the offset of its
    place from UTC where it is known, and ``captured_source`` what told the time. ``media`` describes pictures, clips
    and sound: width, height, duration_ms, codec, rotation and more. ``derived`` are small parts that the service made
    of the content, of type thumbnail, poster, preview or hover; they count in no size and are made again when lost.
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
    path: str | None = None
    trashed_at: int | None = None
    versions: tuple[Version, ...] = ()
    version_of: str | None = None
    version_id: str | None = None
    version_at: int | None = None
    version_author: str | None = None
    version_label: str | None = None
    captured_at: int | None = None
    captured_offset_minutes: int | None = None
    captured_source: str | None = None
    media: Mapping[str, Any] | None = None
    derived: tuple[Part, ...] = ()

    @property
    def is_listed(self) -> bool:
        """True when the lists of the owner show the file: neither in the trash nor the upload of a version."""
        return self.trashed_at is None and self.version_of is None

    @property
    def stored_parts(self) -> tuple[Part, ...]:
        """The parts of the content and of all versions, derived ones too; one that several share stands here once."""
        former = (part for version in self.versions for part in (*version.derived, *version.parts))
        parts = {(part.bucket, part.key): part for part in former}
        return tuple((parts | {(part.bucket, part.key): part for part in (*self.derived, *self.parts)}).values())

    @property
    def missing_parts(self) -> tuple[Part, ...]:
        """The parts whose bytes have not been seen in the blob store yet."""
        return tuple(part for part in self.parts if part.received_at is None)

    @property
    def publicly_listed(self) -> bool:
        """True when public lists show the file: public, finished once, not temporary, and not in the trash."""
        is_public = self.access is Access.PUBLIC and self.processed_at is not None and not self.temporary
        return is_public and self.is_listed

    @property
    def change_token(self) -> str:
        """Id of the write that made this revision; also the id of the event that announces it."""
        return f"{self.file_id}:{self.revision}"


def names_held(record: FileRecord) -> Iterator[tuple[str, str]]:
    """Yield kind and name of what a record holds among its owner's files, in the order in which they are claimed.

    The request id comes first: a repeated request gets its own error, not that its first call took the alias. A file
    in the trash holds no path.
    """
    if record.request_id is not None:
        yield "request_id", record.request_id
    if record.alias is not None:
        yield "alias", record.alias
    if record.path is not None and record.trashed_at is None:
        yield "path", record.path


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone(Growing):
    """Rest of a deleted file: its last revision, and the blobs that are still to be deleted.

    ``parts`` is emptied by ``MetadataStore.mark_clean``. ``clean_after`` is the time from which the blobs may be
    deleted for good: an upload URL handed out before the deletion can bring bytes until then. It equals ``deleted_at``
    when the blobs are kept. Those of a version's upload (``version_of``) are kept because that file has them now.
    """

    file_id: str
    owner: str
    revision: int
    deleted_at: int
    clean_after: int
    parts: tuple[Part, ...] = ()
    version_of: str | None = None

    @property
    def absorbed_by(self) -> str | None:
        """The file that has the blobs now, where this was the upload of a version that was absorbed."""
        return self.version_of if self.clean_after == self.deleted_at else None

    @classmethod
    def of(cls, last: FileRecord, *, deleted_at: int, clean_after: int | None) -> Tombstone:
        """Return what is left of a record, which has the revision of its deletion; see ``MetadataStore.delete``."""
        return cls(
            file_id=last.file_id,
            owner=last.owner,
            revision=last.revision,
            deleted_at=deleted_at,
            clean_after=deleted_at if clean_after is None else clean_after,
            parts=() if clean_after is None else last.stored_parts,
            version_of=last.version_of,
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
    # Keys of blobs that stay as they are: bytes that are not those of their description, and what the store cannot
    # describe, read or exchange.
    damaged: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedPart:
    """A PUT of one part of a blob, which the holder may make until the upload's address expires."""

    number: int
    offset: int
    size: int
    url: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedUrl:
    """A request that the holder may make until ``expires_at``; the headers are part of what was signed."""

    method: str
    # A secret: messages and logs that show the object do not show it.
    url: str = field(repr=False)
    headers: Mapping[str, str]
    expires_at: int
    protocol: str = "put"
    # Of an upload in parts only; its URL then answers which parts have arrived.
    parts: tuple[SignedPart, ...] = ()


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
