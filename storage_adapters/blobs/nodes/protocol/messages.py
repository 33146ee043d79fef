"""Requests to a node and their replies. ``wire`` maps both to HTTP.

A reply that is an error is a NodeError. "Absent" is always an answer of the node itself, never an error or silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

CHUNK_BYTES = 4 * 1024 * 1024
IDS_AT_ONCE = 1_000

TrashReason = Literal["removed", "garbage", "surplus"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A copy as the inventory has it: hash and size of its writing, seconds since then by the node's own clock."""

    sha256: str
    size: int
    age: float = 0.0


@dataclass(frozen=True, slots=True)
class PutChunk:
    """Request to store a chunk. Reply: Stored, once it is durable. Raises HashDiffers, OtherContent, NodeFull.

    ``data`` is bytes; at a real node it is the body of the request, which WriteBeside reads. With ``first`` the chunk
    is the index of a blob, and is stored only where no other generation of the blob is: OtherContent otherwise.
    ``info`` is a text that is kept beside the bytes, at every copy.
    """

    chunk_id: str
    sha256: str
    data: Any
    first: bool = False
    info: str = ""


@dataclass(frozen=True, slots=True)
class GetChunk:
    """Request for a chunk or a range of it. Reply: ChunkData or Absent. The node does not verify; the reader does."""

    chunk_id: str
    offset: int = 0
    length: int | None = None


@dataclass(frozen=True, slots=True)
class HeadChunk:
    """Request to look at a chunk. Reply: ChunkData without data, or Absent."""

    chunk_id: str


@dataclass(frozen=True, slots=True)
class GetIndex:
    """Request for the index of the latest generation of a blob, or a range of it. Reply: ChunkData or Absent.

    Raises NodeUnavailable while the node cannot tell.
    """

    key: str
    offset: int = 0
    length: int | None = None

    @property
    def chunk_id(self) -> str:
        """A name in the partition of the indexes of the blob."""
        return f"{self.key}~"


@dataclass(frozen=True, slots=True)
class FindBlobs:
    """Question for the generations of at most ``IDS_AT_ONCE`` blobs. Reply: Blobs. Raises as GetIndex."""

    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ListBlobs:
    """Request for up to ``limit`` indexes by partition and id, behind those of the key ``after``. Reply: BlobPage.

    Raises NodeUnavailable while the inventory is not complete.
    """

    prefix: str = ""
    after: str = ""
    limit: int = IDS_AT_ONCE


@dataclass(frozen=True, slots=True)
class Have:
    """Question for at most ``IDS_AT_ONCE`` chunks, without reading them. Reply: Present."""

    chunk_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verify:
    """Request to read chunks and compare their hashes. Reply: Receipts. A damaged copy goes into quarantine."""

    chunk_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pull:
    """Request to fetch a chunk from another node. Reply: Stored. ``sha256`` empty: the hash that the source names."""

    chunk_id: str
    sha256: str
    source: str
    source_url: str = ""


@dataclass(frozen=True, slots=True)
class TrashChunks:
    """Request to move chunks to the trash. Reply: Moved. ``epoch`` None: names that the service itself removes.

    Raises StaleEpoch when a later census has begun; nothing is moved then.
    """

    chunk_ids: tuple[str, ...]
    reason: TrashReason
    epoch: int | None = None


@dataclass(frozen=True, slots=True)
class RestoreChunks:
    """Request to move chunks, or blobs by their keys, back from the trash. Reply: Moved, with what is there now."""

    chunk_ids: tuple[str, ...]
    epoch: int | None = None


@dataclass(frozen=True, slots=True)
class GetInventory:
    """Request for the sums of all partitions. Reply: Inventory.

    A census gives its ``epoch``: the node refuses lower ones from then on, so that no earlier census changes anything
    behind this snapshot. Raises StaleEpoch.
    """

    epoch: int | None = None


@dataclass(frozen=True, slots=True)
class GetPartition:
    """Request for the copies of one partition. Reply: InventoryPage."""

    partition: int


@dataclass(frozen=True, slots=True)
class Stored:
    """The chunk is on stable storage; ``created`` False: a copy was there, was read again, and matches."""

    sha256: str
    size: int
    created: bool


@dataclass(frozen=True, slots=True)
class ChunkData:
    """Bytes of a chunk; hash and size are those of the whole. At a real node ``data`` is a range of a file.

    ``chunk_id`` is set in the reply to GetIndex, ``info`` where the chunk has one.
    """

    sha256: str
    size: int
    data: Any = b""
    chunk_id: str = ""
    info: str = ""


@dataclass(frozen=True, slots=True)
class Absent:
    """The node has no copy."""


@dataclass(frozen=True, slots=True)
class Present:
    """Copies that are there, by chunk id."""

    entries: Mapping[str, Entry]


@dataclass(frozen=True, slots=True)
class Blobs:
    """Ids of the indexes that are there, by key, the oldest generation first."""

    entries: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class BlobPage:
    """The text beside each index, by its id, in the order of partitions and ids. ``last`` is "" on the last page."""

    infos: Mapping[str, str]
    last: str = ""


@dataclass(frozen=True, slots=True)
class Receipts:
    """Hash of each copy that was read and matches; copies that did not match; those that could not be read.

    Ids that are in none of the three have no copy.
    """

    good: Mapping[str, str]
    damaged: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Moved:
    """Ids that were moved to the trash or back, and those of which there was nothing to move."""

    chunk_ids: tuple[str, ...]
    absent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PartitionSum:
    """Number, bytes, and sum (modulo 2^64) of the hashes of the ids in one partition."""

    count: int
    size: int
    total: int


@dataclass(frozen=True, slots=True)
class Inventory:
    """Partitions that hold copies. ``complete`` False: the disk is still being walked, so entries may be missing."""

    complete: bool
    boot_id: str
    partitions: Mapping[int, PartitionSum] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InventoryPage:
    """Copies of one partition, sorted by id."""

    complete: bool
    boot_id: str
    entries: Mapping[str, Entry]


Request: TypeAlias = (
    PutChunk
    | GetChunk
    | HeadChunk
    | GetIndex
    | FindBlobs
    | ListBlobs
    | Have
    | Verify
    | Pull
    | TrashChunks
    | RestoreChunks
    | GetInventory
    | GetPartition
)
Reply: TypeAlias = (
    Stored | ChunkData | Absent | Blobs | BlobPage | Present | Receipts | Moved | Inventory | InventoryPage
)
