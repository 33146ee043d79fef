"""Errors between adapter, nodes and controller.

ProtocolError
├── Unreachable         no answer: the request may have been processed. Never taken for "absent"
├── Uncertain           a write to the metadata store may have been applied: its answer was lost
├── Conflict            a document has another revision than expected
├── Overtaken           a later census has begun: this one ends
├── StillRunning        in the answer of Together: the step has not ended yet
├── NodeError           a node answered with an error
│   ├── BadRequest      400 the request is malformed
│   ├── OtherContent    409 the name is taken by other bytes
│   ├── StaleEpoch      412 a later census has begun
│   ├── HashDiffers     422 the bytes do not match their hash; nothing was stored
│   ├── NodeUnavailable 503 the disk fails or is gone, or the node starts
│   └── NodeFull        507 the disk is full; nothing was stored
├── DiskError           at a node: an operation of the disk failed
│   ├── DiskFull        there is no space left
│   ├── CopyUnreadable  one copy cannot be read, on a disk that works otherwise
│   └── ChunkExists     the name was taken meanwhile
├── TooFewCopies        fewer nodes than min_write confirmed a chunk
├── ChunkAbsent         every registered node said that it has no copy
├── ChunkLost           every registered node answered, and each copy is damaged
├── ChunkUnavailable    no good copy was found, and some nodes did not answer
└── StartRefused        a node must not serve this folder: the process ends with exit code 3
"""

from __future__ import annotations

import re


class ProtocolError(Exception):
    """Base of all errors of the protocol."""


class Unreachable(ProtocolError):
    """No answer came in time."""

    def __init__(self, node_id: str, reason: str = "no answer") -> None:
        super().__init__(f"node {node_id}: {reason}")
        self.node_id = node_id


class Uncertain(ProtocolError):
    """The write may have been applied; its answer was lost."""


class Conflict(ProtocolError):
    """The document has another revision."""


class Overtaken(ProtocolError):
    """A later census has begun; this one changes nothing more."""


class StillRunning(ProtocolError):
    """The step has not ended, and goes on by itself."""


class NodeError(ProtocolError):
    """An answer of a node that is an error."""

    status = 500
    code = "node_error"

    def __init_subclass__(cls, status: int) -> None:
        # The code is the name in other letters: NodeFull is node_full.
        cls.status, cls.code = status, re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


class BadRequest(NodeError, status=400):
    """The request is malformed."""


class OtherContent(NodeError, status=409):
    """The name is taken by other bytes; names are never used again."""


class ChunkRemoved(NodeError, status=410):
    """The name was removed a while ago; the request for it comes late."""


class StaleEpoch(NodeError, status=412):
    """A later census has begun; nothing was changed."""


class HashDiffers(NodeError, status=422):
    """The bytes do not match the hash; nothing was stored."""


class NodeUnavailable(NodeError, status=503):
    """The disk fails or is gone, or the node starts."""


class NodeFull(NodeError, status=507):
    """The disk is full; nothing was stored."""


class DiskError(ProtocolError):
    """An operation of the disk failed; the content is unknown, never "absent"."""


class DiskFull(DiskError):
    """The disk has no space left."""


class CopyUnreadable(DiskError):
    """One copy cannot be read, on a disk that works otherwise; ``version`` is that of the copy."""

    def __init__(self, reason: str, version: str) -> None:
        super().__init__(reason)
        self.version = version


class ChunkExists(DiskError):
    """Another copy took the name meanwhile."""


class TooFewCopies(ProtocolError):
    """Fewer nodes than required confirmed a chunk. Copies may exist; the name must not be used again."""

    def __init__(self, confirmed: int, required: int, failures: tuple[ProtocolError, ...]) -> None:
        reasons = "; ".join(sorted({str(each) for each in failures})) or "too few nodes take chunks"
        super().__init__(f"{confirmed} of {required} copies: {reasons}")
        self.confirmed = confirmed
        self.failures = failures


class ChunkAbsent(ProtocolError):
    """Every registered node said that it has no copy."""


class ChunkLost(ProtocolError):
    """Every registered node answered, and each copy is damaged."""


class ChunkUnavailable(ProtocolError):
    """No good copy was found, and some nodes did not answer."""


class StartRefused(ProtocolError):
    """The folder belongs to another cluster or process, or is no folder of a node."""


NODE_ERRORS: dict[str, type[NodeError]] = {
    NodeError.code: NodeError,
    **{kind.code: kind for kind in NodeError.__subclasses__()},
}
