"""Documents of the census: its epoch, and the unwanted copies of the last complete one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from storage_adapters.blobs.nodes.protocol.effects import DocumentState, GetDocument, PutDocument, Step, Token
from storage_adapters.blobs.nodes.protocol.errors import Conflict, Overtaken, Uncertain
from storage_adapters.blobs.nodes.protocol.join import Copy
from storage_adapters.blobs.nodes.protocol.layout import partition_of

COLLECTION = "node_census"
STATE = "state"
GROUPS = 16
CANDIDATES_OF_GROUP = 5_000


@dataclass(frozen=True, slots=True)
class Begun:
    """A census that may work: its epoch, and the unwanted copies of the last complete census."""

    epoch: int
    previous: frozenset[str]


def begin() -> Step[Begun]:
    """Take the next epoch. Raises Overtaken when another census takes it at the same time, Unreachable."""
    state: DocumentState = yield GetDocument(COLLECTION, STATE)
    token: str = yield Token()
    body = {**state.body, "epoch": state.body.get("epoch", 0) + 1, "holder": token}
    yield from _put_state(body, state.revision, token)
    previous = yield from _candidates(state.body)
    return Begun(body["epoch"], previous)


def _put_state(body: dict[str, Any], revision: int, token: str) -> Step[None]:
    """Store the state. When the answer is lost, the holder in the document tells the outcome."""
    try:
        yield PutDocument(COLLECTION, STATE, body, revision)
    except Uncertain as error:
        found: DocumentState = yield GetDocument(COLLECTION, STATE)
        if found.body.get("holder") != token or found.body != body:
            raise Overtaken("the write of the state is not certain") from error
    except Conflict as error:
        raise Overtaken("another census has begun") from error


def _candidates(state: Any) -> Step[frozenset[str]]:
    """Read the candidates of the last complete census; a group that a later, broken off one wrote does not count."""
    names: list[str] = []
    for group in state.get("groups", ()):
        document: DocumentState = yield GetDocument(COLLECTION, f"candidates-{group}")
        if document.body.get("epoch") == state.get("complete"):
            names += document.body["copies"]
    return frozenset(names)


def finish(epoch: int, unwanted: Iterable[Copy]) -> Step[None]:
    """Keep the unwanted copies of a complete census. Raises Overtaken when a later one has begun."""
    groups: dict[int, list[str]] = {}
    for copy in unwanted:
        groups.setdefault(partition_of(copy.chunk_id) % GROUPS, []).append(copy.name)
    for group, names in sorted(groups.items()):
        yield from _put_group(group, {"epoch": epoch, "copies": sorted(names)[:CANDIDATES_OF_GROUP]})
    state: DocumentState = yield GetDocument(COLLECTION, STATE)
    if state.body.get("epoch") != epoch:
        raise Overtaken(f"a census later than {epoch} has begun")
    body = {**state.body, "complete": epoch, "groups": sorted(groups)}
    yield from _put_state(body, state.revision, str(state.body["holder"]))


def _put_group(group: int, body: dict[str, Any]) -> Step[None]:
    document: DocumentState = yield GetDocument(COLLECTION, f"candidates-{group}")
    if document.body.get("epoch", 0) > body["epoch"]:
        raise Overtaken("a later census keeps its candidates")
    try:
        yield PutDocument(COLLECTION, f"candidates-{group}", body, document.revision)
    except Conflict as error:
        raise Overtaken("another census keeps its candidates") from error
