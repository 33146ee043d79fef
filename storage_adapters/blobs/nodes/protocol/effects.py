"""Effects of the adapter and the controller: calls to nodes, concurrency, time, chance, documents.

A driver performs an effect and sends its result into the generator, or raises the ``ProtocolError`` there. Every other
exception is a defect and ends the driver.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from storage_adapters.blobs.nodes.protocol.errors import ProtocolError
from storage_adapters.blobs.nodes.protocol.messages import Request

T = TypeVar("T")


class Effect:
    """Base of all effects."""

    __slots__ = ()


Step: TypeAlias = Generator[Effect, Any, T]


def drive(step: Step[T], perform: Callable[[Effect], Any]) -> T:
    """Perform each effect of a step and return its result. Raises the ProtocolError with which it ends."""
    result: Any = None
    error: ProtocolError | None = None
    try:
        while True:
            effect = step.send(result) if error is None else step.throw(error)
            result, error = None, None
            try:
                result = perform(effect)
            except ProtocolError as found:
                error = found
    except StopIteration as end:
        value: T = end.value
        return value


@dataclass(frozen=True, slots=True)
class Call(Effect):
    """Request to a node. Result: its Reply. Raises Unreachable after ``timeout`` seconds, or a NodeError.

    ``url`` is for a driver that does not know the node.
    """

    node_id: str
    request: Request
    timeout: float
    url: str = ""


@dataclass(frozen=True, slots=True)
class Together(Effect):
    """Steps that run at the same time. Result: a list with the result or the ProtocolError of each, in order.

    Returns as soon as ``enough`` steps have succeeded (None: when all have ended). Those that still run go on by
    themselves, and have StillRunning in the list.
    """

    steps: tuple[Step[Any], ...]
    enough: int | None = None


@dataclass(frozen=True, slots=True)
class Hedged(Effect):
    """``first``, and ``later`` beside it when ``first`` has not succeeded after so many seconds or has failed.

    Result: that of the first success; the other goes on by itself. Raises the error of ``later`` when both failed.
    """

    first: Step[Any]
    later: Step[Any]
    after: float


@dataclass(frozen=True, slots=True)
class Sleep(Effect):
    """Pause of so many seconds. Result: None."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Now(Effect):
    """Reading of the clock. Result: seconds of the monotonic clock of this process."""


@dataclass(frozen=True, slots=True)
class Random(Effect):
    """Random number. Result: a float in [0, 1)."""


@dataclass(frozen=True, slots=True)
class Token(Effect):
    """New name. Result: a random text of 26 lower case letters and digits that was never given before."""


@dataclass(frozen=True, slots=True)
class FetchLayout(Effect):
    """Read of the newest layout from a controller. Result: Layout. Raises Unreachable when none answers."""


@dataclass(frozen=True, slots=True)
class DocumentState:
    """Body of a document and its revision; revision 0 and an empty body when there is none."""

    body: Mapping[str, Any] = field(default_factory=dict)
    revision: int = 0


@dataclass(frozen=True, slots=True)
class GetDocument(Effect):
    """Read of a document. Result: DocumentState. Raises Unreachable when the metadata store does not answer."""

    collection: str
    document_id: str


@dataclass(frozen=True, slots=True)
class PutDocument(Effect):
    """Write of a document over a revision (0: there is none). Result: its DocumentState.

    Raises Conflict, Unreachable (not applied), or Uncertain (perhaps applied).
    """

    collection: str
    document_id: str
    body: Mapping[str, Any]
    expected_revision: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """A chunk that the metadata want. An empty ``sha256`` means that the copies' own hash decides.

    ``stored`` False: the name is reserved, and its bytes may not have come yet. For the key of a blob, ``generation``
    is the one that the metadata name, "" where they name none.
    """

    chunk_id: str
    sha256: str = ""
    stored: bool = True
    generation: str = ""


@dataclass(frozen=True, slots=True)
class WantedPage:
    """A part of the wanted chunks; ``next_position`` None means that there are no more."""

    wanted: tuple[Wanted, ...]
    next_position: str | None


@dataclass(frozen=True, slots=True)
class WalkWanted(Effect):
    """Read of the next page of what the metadata want: places, drafts, unfinished uploads, every other holder.

    Result: a WantedPage. A name that is wanted from before the walk until after it is in one of the pages, whatever
    changes meanwhile. Raises Unreachable.
    """

    position: str | None = None


@dataclass(frozen=True, slots=True)
class IsWanted(Effect):
    """Look-up of one name in the metadata. Result: True when it is wanted as stored. Raises Unreachable."""

    chunk_id: str
