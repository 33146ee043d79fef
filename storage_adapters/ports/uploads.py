"""Uploads that arrive in chunks: their state, their chunks, and the port of a store that keeps both.

An upload is open until it is sealed; a sealed one is a manifest: the ordered list of the chunks of a part. Chunks are
kept in domains: a chunk with the same bytes is stored once per domain, however many uploads name it. Each owner is a
domain, and an upload may be of another one, which it shares with uploads of other owners.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from storage_adapters.records import Growing


class UploadStatus(StrEnum):
    """Status of an upload: open to chunks, complete for good, or under deletion."""

    OPEN = "open"
    SEALED = "sealed"
    DELETING = "deleting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload(Growing):
    """The state of one upload. ``size`` is None until it is known; ``details`` is what the doors keep with it.

    ``received`` is the number of bytes that have arrived, in whatever order, and ``chunks`` in how many chunks;
    ``contiguous`` is how many of them lie at the beginning without a gap. ``chunk_domain`` is the domain of its chunks,
    "" for the owner; it never changes.
    """

    upload_id: str
    owner: str
    created_at: int
    expires_at: int
    size: int | None = None
    chunk_size: int
    status: UploadStatus = UploadStatus.OPEN
    received: int = 0
    chunks: int = 0
    contiguous: int = 0
    sealed_at: int | None = None
    sha256: str | None = None
    md5: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    chunk_domain: str = ""

    @property
    def domain(self) -> str:
        """The domain of its chunks."""
        return self.chunk_domain or self.owner

    @property
    def complete(self) -> bool:
        """True when all bytes have arrived."""
        return self.size is not None and self.received == self.size


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Bytes with a hash and a place in an upload: ``object_id`` is their SHA-256, ``token`` names the stored copy.

    ``chunk_domain`` is that of the upload by which the chunk is listed; it makes no difference to a store.
    """

    offset: int
    size: int
    object_id: str
    token: str
    chunk_domain: str = field(default="", compare=False)

    @property
    def end(self) -> int:
        """The offset behind the last byte."""
        return self.offset + self.size


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkReservation:
    """Place of a chunk's bytes; with ``stored``, an upload has named them and they have been there since."""

    object_id: str
    token: str
    stored: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GarbageChunk:
    """Stored copy that nothing names or can name any more: its bytes must be deleted."""

    domain: str
    object_id: str
    token: str


class SupportsUploads(ABC):
    """Store of uploads and their chunks. Every method is atomic and durable; none costs more with more chunks.

    The exceptions are those that walk: ``list_chunks`` and ``ranges`` by what they return, ``delete_upload`` by what
    it deletes.

    How bytes are never lost and never left behind: a place is reserved (``reserve_chunks``) before bytes are written,
    and named (``append_chunks``) after that. What nothing has named for a while becomes garbage (``mark_garbage``):
    its token can then be neither found nor named, and a new place for the same bytes has a new token. So a late
    deletion of the bytes of a garbage token cannot hit bytes that an upload or file uses.
    """

    @abstractmethod
    def create_upload(self, upload: Upload) -> Upload:
        """Store a new upload and return it; when there is one of this id, return that one and change nothing."""

    @abstractmethod
    def get_upload(self, upload_id: str) -> Upload:
        """Return the upload. Raises UploadNotFound."""

    @abstractmethod
    def open_uploads(self, owner: str, *, limit: int) -> list[Upload]:
        """Return up to ``limit`` of the owner's open uploads."""

    @abstractmethod
    def set_size(self, upload_id: str, size: int) -> Upload:
        """Set the size of an upload whose size was not known. Doing it again with the same size is harmless.

        Raises UploadConflict when it has another size, or bytes behind that end; UploadNotFound.
        """

    @abstractmethod
    def annotate(self, upload_id: str, details: Mapping[str, Any]) -> Upload:
        """Merge into ``details``, key by key. Raises UploadNotFound."""

    @abstractmethod
    def append_chunks(self, upload_id: str, chunks: Sequence[Chunk], *, expires_at: int) -> Upload:
        """Name stored chunks in an open upload, all or none of them, and prolong it to at least ``expires_at``.

        A chunk that the upload names already, at the same place and of the same bytes, is left as it is. Raises
        UploadConflict when one lies behind the end or on other bytes, or the upload is not open; ChunkGone when a
        token is not the one under which the upload's domain keeps bytes of this hash; UploadNotFound.
        """

    @abstractmethod
    def list_chunks(self, upload_id: str, *, offset: int = 0, limit: int) -> list[Chunk]:
        """Return up to ``limit`` chunks in their order, from the one on that holds ``offset`` or comes next.

        Each tells the ``chunk_domain`` of the upload. Empty also when there is no such upload.
        """

    @abstractmethod
    def ranges(self, upload_id: str) -> list[tuple[int, int]]:
        """Return what has arrived as (start, end) in order; neighbours are one range. Empty without an upload."""

    @abstractmethod
    def seal_upload(self, upload_id: str, *, sealed_at: int, sha256: str | None, md5: str | None) -> Upload:
        """Make a complete upload a manifest, which does not expire. A sealed one is returned as it is.

        Raises UploadConflict when bytes are missing; UploadNotFound.
        """

    @abstractmethod
    def delete_upload(self, upload_id: str, *, now: int, only_expired: bool = False) -> bool:
        """Forget an upload of any status; return True when there was one.

        With ``only_expired`` it is forgotten only while it is one of ``expired_uploads``: one that is prolonged or
        sealed before the deletion begins stays as it is, and the answer is False. What comes first is decided
        atomically.

        Its chunks are named once less. Interrupted, it is neither found nor appended to any more, and
        ``expired_uploads`` returns it until it was deleted to the end.
        """

    @abstractmethod
    def expired_uploads(self, *, now: int, limit: int) -> list[Upload]:
        """Return open uploads whose ``expires_at`` is not later than ``now``, and those half deleted."""

    @abstractmethod
    def reserve_chunks(self, domain: str, object_ids: Sequence[str], *, now: int) -> list[ChunkReservation]:
        """Return a place for each, in order: the one that exists, else a new one; none becomes garbage soon after."""

    @abstractmethod
    def chunk_tokens(self, domain: str, object_ids: Sequence[str]) -> list[str | None]:
        """Return, in order, the token of the domain's place of each chunk; None without a place that can be named.

        A token that a store does not return once is never returned again: bytes kept under it are of no use.
        """

    @abstractmethod
    def mark_garbage(self, *, unused_before: int, limit: int) -> list[GarbageChunk]:
        """Mark as garbage the places that nothing has named or reserved since before ``unused_before``.

        Returns up to ``limit`` garbage places, those first that were marked and not forgotten before.
        """

    @abstractmethod
    def forget_garbage(self, garbage: Sequence[GarbageChunk]) -> None:
        """Forget garbage places: their bytes are gone."""


def new_token(random: bytes) -> str:
    """Name a stored copy: random, because the name of a deleted one must never come back."""
    return random.hex()[:15]
