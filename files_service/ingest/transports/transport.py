"""The way of the bytes of a card to the service."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from files_service.errors import NotSupported
from files_service.ingest.service import Unreachable
from storage_adapters import JSON

# Room in front of the bytes of a block: a transport writes its own header there, and nothing is copied.
HEAD_BYTES = 8

# The wait for sent bytes to be on stable storage.
Stored = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Block:
    """Bytes of a file that were read once. ``buffer`` has ``HEAD_BYTES`` of room before them."""

    offset: int
    buffer: bytearray

    @classmethod
    def at(cls, offset: int, size: int) -> Block:
        """Make a block with room for bytes."""
        # From memory that was used before: to map new pages for each block takes longer than to read it.
        return cls(offset, bytearray(HEAD_BYTES + size))

    @property
    def size(self) -> int:
        """Number of bytes."""
        return len(self.buffer) - HEAD_BYTES

    @property
    def data(self) -> memoryview:
        """The bytes."""
        return memoryview(self.buffer)[HEAD_BYTES:]


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """Declaration of one file: parameters of files.upload. Repeated with the same request id, it is the same file."""

    owner: str
    path: str
    size: int
    content_type: str
    meta: JSON
    request_id: str

    def as_params(self) -> JSON:
        """Return the parameters of files.upload."""
        return {
            "owner": self.owner,
            "path": self.path,
            "parts": [{"size": self.size, "content_type": self.content_type}],
            "meta": self.meta,
            "request_id": self.request_id,
        }


@dataclass(frozen=True, slots=True)
class OpenUpload:
    """State of an upload at its beginning: the bytes that have arrived, and the longest block."""

    upload_id: str
    chunk_bytes: int
    ranges: tuple[tuple[int, int], ...] = field(default=())
    # The address of the queue door, where the service has one.
    amqp: JSON | None = field(default=None, repr=False)

    def has(self, start: int, end: int) -> bool:
        """Return True when all of these bytes have arrived."""
        return any(first <= start and end <= last for first, last in self.ranges)

    def missing(self, start: int, end: int) -> int:
        """Return the number of these bytes that have not arrived."""
        return end - start - sum(max(0, min(end, last) - max(start, first)) for first, last in self.ranges)

    @property
    def arrived(self) -> int:
        """Number of bytes that have arrived."""
        return sum(end - start for start, end in self.ranges)


class UploadSession(ABC):
    """One open upload on one connection. Everything raises FilesError, and Unreachable."""

    state: OpenUpload
    # False where ``send`` has no use for the hash of a block.
    compares_blocks = True
    # False where many blocks are acknowledged together, and the service bounds what it has not stored yet.
    acknowledges_blocks = True

    @abstractmethod
    async def send(self, block: Block, sha256: Awaitable[str]) -> Stored:
        """Send a block; return when its memory is free, with a wait for its bytes to be on stable storage.

        ``sha256`` is the hash of the block, which is computed meanwhile if the session compares blocks. Both raise
        Corrupted when the service stored other bytes. Calls of one upload begin in the order of offsets and may
        overlap.
        """

    @abstractmethod
    async def finish(self, sha256: str) -> str:
        """Complete the upload, all of whose bytes are stored, and return its id; the hashes of the whole are compared.

        Raises Corrupted when the service stored other bytes.
        """

    @abstractmethod
    async def close(self) -> None:
        """Release the connection. What is unfinished can be continued."""


class Transport(ABC):
    """A door of the service that takes uploads which files.upload has declared."""

    name: str

    def declares(self, size: int) -> bool:
        """Return True when a file of this size can be declared by the request that brings its bytes."""
        return False

    async def declare(self, declaration: Declaration) -> UploadSession:
        """Begin the upload of a file together with its declaration, if ``declares`` allows that.

        A break leaves the file declared, with some of its bytes or with none.
        """
        raise NotSupported(f"{self.name} declares no files")

    @abstractmethod
    async def open(self, upload_id: str, size: int, *, is_new: bool = False) -> UploadSession:
        """Begin or continue an upload; nothing has been sent to a new one. Raises FilesError, and Unreachable."""

    @abstractmethod
    async def close(self) -> None:
        """Close all connections."""


class Shortened(Unreachable):
    """A request that was refused for its length; later ones are shorter."""


class Corrupted(Exception):
    """Bytes that arrived otherwise than they were sent."""
