"""Effects at a node: operations of its disk and of its inventory. Each may raise DiskError."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from storage_adapters.blobs.nodes.protocol.effects import Effect, Step


@dataclass(frozen=True, slots=True)
class Beside:
    """Bytes in a temporary file, with the hash that was computed while they came in."""

    name: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Content:
    """A stored copy: the hash that was recorded when it was written, its bytes as they are now, its own version.

    ``version`` differs for each copy that ever had the name.
    """

    sha256: str
    data: bytes
    version: str


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """The durable state of a node: identity, number of starts, id of the present start, highest epoch of a census.

    ``clean`` is True between a graceful stop and the next start: the saved inventory is then true.
    """

    cluster: str
    node_id: str
    boots: int = 0
    boot_id: str = ""
    epoch: int = 0
    clean: bool = True


@dataclass(frozen=True, slots=True)
class Exclusive(Effect):
    """A step that runs while no other exclusive step of this node does. Result: that of the step."""

    step: Step[Any]


@dataclass(frozen=True, slots=True)
class WriteBeside(Effect):
    """Write of bytes, or of the body of a request, to a temporary file. Result: Beside. Raises DiskFull."""

    data: Any


@dataclass(frozen=True, slots=True)
class SyncFile(Effect):
    """Sync of a temporary file to stable storage. Result: None."""

    name: str


@dataclass(frozen=True, slots=True)
class Discard(Effect):
    """Removal of a temporary file. Result: None; never raises."""

    name: str


@dataclass(frozen=True, slots=True)
class Rename(Effect):
    """Publication of a temporary file under the name of a chunk. Result: None.

    The present copy must have the version ``replaces`` ("": there must be none), else ChunkExists is raised. A copy
    that is replaced is kept in quarantine. The inventory is updated. Raises ChunkRemoved for a name that the service
    has removed since this start of the node: its bytes were under way.
    """

    name: str
    chunk_id: str
    replaces: str = ""


@dataclass(frozen=True, slots=True)
class SyncFolder(Effect):
    """Sync of the name of a chunk to stable storage. Result: None."""

    chunk_id: str


@dataclass(frozen=True, slots=True)
class ReadChunk(Effect):
    """Read of a whole copy. Result: Content, or None when there is no copy (never after an error).

    Raises CopyUnreadable where the disk works otherwise.
    """

    chunk_id: str


@dataclass(frozen=True, slots=True)
class OpenChunk(Effect):
    """Opening of a copy to send a range. Result: ChunkData whose ``data`` the driver can send, or None."""

    chunk_id: str
    offset: int = 0
    length: int | None = None


@dataclass(frozen=True, slots=True)
class LookUp(Effect):
    """Look-up of copies on the disk, without reading them. Result: a dict of chunk id to Entry."""

    chunk_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ListPartitions(Effect):
    """Sums of all partitions, from the cache. Result: Inventory."""


@dataclass(frozen=True, slots=True)
class ListChunks(Effect):
    """Copies of one partition in order of their ids, from the cache. Result: InventoryPage."""

    partition: int


@dataclass(frozen=True, slots=True)
class WalkDisk(Effect):
    """Rebuilding of the inventory from the disk; temporary files of earlier starts are removed. Result: None."""


@dataclass(frozen=True, slots=True)
class Trash(Effect):
    """Move of a copy to the trash, durably, where it stays for 7 days. Result: False when there was none."""

    chunk_id: str
    reason: Literal["removed", "garbage", "surplus"]


@dataclass(frozen=True, slots=True)
class Restore(Effect):
    """Move of a copy back from the trash, durably, unless there is one. Result: True when there is one now.

    For the key of a blob: of all its chunks that are in the trash, of the generation that came there last.
    """

    chunk_id: str


@dataclass(frozen=True, slots=True)
class Quarantine(Effect):
    """Move of a damaged copy of this version out of sight, durably; it is kept. Result: None.

    Does nothing when another copy has taken its place.
    """

    chunk_id: str
    version: str


@dataclass(frozen=True, slots=True)
class ReadState(Effect):
    """Read of the durable state. Result: NodeRecord, or None in an empty folder."""


@dataclass(frozen=True, slots=True)
class WriteState(Effect):
    """Write of the durable state, at once and durably (beside, sync, rename, sync). Result: None."""

    record: NodeRecord
