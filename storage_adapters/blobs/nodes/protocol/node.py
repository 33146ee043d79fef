"""Logic of a node: one generator per request. The disk decides; no other node and no metadata are asked.

A copy is on stable storage before it is confirmed, and "there already" is said only of a copy that was read again. A
node never deletes on its own verdict: it moves to the trash what the service removes, or a census that no later one has
overtaken.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

from storage_adapters.blobs.nodes.protocol import disk
from storage_adapters.blobs.nodes.protocol import messages as m
from storage_adapters.blobs.nodes.protocol.effects import Call, Step
from storage_adapters.blobs.nodes.protocol.errors import (
    BadRequest,
    ChunkExists,
    CopyUnreadable,
    DiskError,
    DiskFull,
    HashDiffers,
    NodeError,
    NodeFull,
    NodeUnavailable,
    OtherContent,
    StaleEpoch,
)

PULL_SECONDS = 10.0
_RACES = 5


def handle(request: m.Request) -> Step[m.Reply]:
    """Process a request. Raises NodeError, never DiskError."""
    try:
        return (yield from _process(request))
    except DiskFull as error:
        raise NodeFull(str(error)) from error
    except DiskError as error:
        raise NodeUnavailable(str(error)) from error


def _process(request: m.Request) -> Step[m.Reply]:
    reply: m.Reply
    match request:
        case m.PutChunk(chunk_id, expected, data):
            reply = yield from receive(chunk_id, expected, data)
        case m.GetChunk(chunk_id, offset, length):
            reply = (yield disk.OpenChunk(chunk_id, offset, length)) or m.Absent()
        case m.HeadChunk(chunk_id):
            reply = (yield disk.OpenChunk(chunk_id, 0, 0)) or m.Absent()
        case m.Have(chunk_ids):
            reply = m.Present((yield disk.LookUp(chunk_ids)))
        case m.Verify(chunk_ids):
            reply = yield from verify(chunk_ids)
        case m.Pull():
            reply = yield from pull(request)
        case m.TrashChunks():
            reply = yield disk.Exclusive(trash(request))
        case m.RestoreChunks():
            reply = yield disk.Exclusive(restore(request))
        case m.GetInventory(epoch):
            reply = yield disk.Exclusive(inventory(epoch))
        case m.GetPartition(partition):
            reply = yield disk.ListChunks(partition)
        case _:
            raise BadRequest(type(request).__name__)
    return reply


def receive(chunk_id: str, expected: str, data: object) -> Step[m.Stored]:
    """Store the bytes of a request under a name."""
    beside: disk.Beside = yield disk.WriteBeside(data)
    try:
        if beside.sha256 != expected:
            raise HashDiffers(f"the bytes have the hash {beside.sha256}, not {expected}")
        return (yield from publish(beside, chunk_id))
    except (DiskError, NodeError):
        yield disk.Discard(beside.name)
        raise


def publish(beside: disk.Beside, chunk_id: str) -> Step[m.Stored]:
    """Give received bytes their name, unless a good copy has it; a damaged one is replaced at once."""
    for _ in range(_RACES):
        found = yield from read_copy(chunk_id)
        if found is not None and is_whole(found):
            yield disk.Discard(beside.name)
            return (yield from confirm(chunk_id, found, beside.sha256))
        yield from sync(beside)
        try:
            yield disk.Rename(beside.name, chunk_id, found.version if found else "")
        except ChunkExists:
            continue
        yield disk.SyncFolder(chunk_id)
        return m.Stored(beside.sha256, beside.size, created=True)
    raise NodeUnavailable("others write this chunk too")


def sync(beside: disk.Beside) -> Step[None]:
    """Put received bytes on stable storage."""
    yield disk.SyncFile(beside.name)


def confirm(chunk_id: str, found: disk.Content, expected: str) -> Step[m.Stored]:
    """Confirm a copy that was read again and is whole. Another writer may not have synced its name yet."""
    if found.sha256 != expected:
        raise OtherContent(f"the stored bytes have the hash {found.sha256}")
    yield disk.SyncFolder(chunk_id)
    return m.Stored(found.sha256, len(found.data), created=False)


def read_copy(chunk_id: str) -> Step[disk.Content | None]:
    """Read the copy that good bytes may replace: one that cannot be read is damaged."""
    try:
        found: disk.Content | None = yield disk.ReadChunk(chunk_id)
    except CopyUnreadable as error:
        return disk.Content("", b"", error.version)
    return found


def is_whole(content: disk.Content) -> bool:
    """Return True when the bytes of a copy still have the hash of its writing."""
    return sha256(content.data).hexdigest() == content.sha256


def verify(chunk_ids: tuple[str, ...]) -> Step[m.Receipts]:
    """Read copies and compare; damaged ones go into quarantine."""
    good, damaged, unread = {}, [], []
    for chunk_id in chunk_ids:
        try:
            found: disk.Content | None = yield disk.ReadChunk(chunk_id)
            if found is None:
                continue
            if is_whole(found):
                yield disk.SyncFolder(chunk_id)
                good[chunk_id] = found.sha256
            else:
                yield disk.Quarantine(chunk_id, found.version)
                damaged.append(chunk_id)
        except DiskError:
            unread.append(chunk_id)
    return m.Receipts(good, tuple(damaged), tuple(unread))


def pull(request: m.Pull) -> Step[m.Stored]:
    """Fetch a chunk from another node, unless a good copy is there."""
    found = yield from read_copy(request.chunk_id)
    if found is not None and is_whole(found):
        return (yield from confirm(request.chunk_id, found, request.sha256 or found.sha256))
    call = Call(request.source, m.GetChunk(request.chunk_id), PULL_SECONDS, request.source_url)
    reply: m.Reply = yield call
    if not isinstance(reply, m.ChunkData):
        raise NodeError(f"node {request.source} has no copy")
    return (yield from receive(request.chunk_id, request.sha256 or reply.sha256, reply.data))


def trash(request: m.TrashChunks) -> Step[m.Moved]:
    """Move chunks to the trash."""
    yield from admit(request.epoch)
    moved: list[str] = []
    absent: list[str] = []
    for chunk_id in request.chunk_ids:
        was_there = yield disk.Trash(chunk_id, request.reason)
        (moved if was_there else absent).append(chunk_id)
    return m.Moved(tuple(moved), tuple(absent))


def restore(request: m.RestoreChunks) -> Step[m.Moved]:
    """Move chunks back from the trash."""
    yield from admit(request.epoch)
    moved: list[str] = []
    absent: list[str] = []
    for chunk_id in request.chunk_ids:
        is_there = yield disk.Restore(chunk_id)
        (moved if is_there else absent).append(chunk_id)
    return m.Moved(tuple(moved), tuple(absent))


def inventory(epoch: int | None) -> Step[m.Inventory]:
    """Sum up the copies; a census that asks closes the door to earlier ones."""
    yield from admit(epoch)
    found: m.Inventory = yield disk.ListPartitions()
    return found


def admit(epoch: int | None) -> Step[None]:
    """Refuse an epoch below the highest one, and keep a higher one durably. Runs in an exclusive step."""
    if epoch is None:
        return
    record: disk.NodeRecord | None = yield disk.ReadState()
    if record is None:
        raise NodeUnavailable("the node has no identity")
    if epoch < record.epoch:
        raise StaleEpoch(f"a census with epoch {record.epoch} has begun")
    if epoch > record.epoch:
        yield disk.WriteState(replace(record, epoch=epoch))
