"""Bytes that files take, and what deduplication saves: counted by the worker, one document per owner and per tenant.

1. A change of a file marks the document of its owner, before the change is passed. The document is due while it has
   more marks than its last count had seen at its beginning; so no change is missed, wherever a process dies. Where
   encryption is on, owners share chunks, and the document of the tenant is marked, too.
2. A count reads all files of the owner, or of all owners of the tenant, and the lists of their chunks. It is due again
   after twenty times as long as the last one took, at least ``PAUSE_MS``: the load is bounded, and the answer says when
   it was true.
3. A chunk counts once, however many files name it. Copies are told apart in as many rounds as are needed to hold no
   more than ``MOST_HELD`` of them at once.
4. An owner's own files count alone: no answer tells an owner what others have.
5. Bytes of files count, those of unfinished uploads and of what was deleted do not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain

from files_service.core import Core
from files_service.domain.accounts import tenant_of
from files_service.domain.chunking import manifest_of
from files_service.domain.uploads import owner_segment
from files_service.services.accounts import documents
from files_service.services.analytics.counting import files_of
from files_service.services.content import chunks_of
from storage_adapters import JSON, Document, DocumentQuery, FileRecord, Part

COLLECTION = "stored_bytes"
PAUSE_MS = 30_000
MOST_HELD = 200_000
_LOAD = 20
_PAGE = 500
_DUE, _DONE = "due/", "done"
_NEW: JSON = {"marks": 0, "counted": 0, "bytes": 0, "stored": 0, "counted_at": None, "due_at": 0}


class Stopped(Exception):
    """The end of a count that is to stop."""


@dataclass
class _Round:
    """Bytes of files, and those of chunks of one of ``rounds`` parts of all copies."""

    rounds: int
    number: int
    logical: int = 0
    blobs: int = 0
    chunks: int = 0


def mark_changed(core: Core, owners: Iterable[str]) -> None:
    """Mark owners whose files changed. Repeating it is harmless."""

    def decide(document_id: str, whose: JSON, before: Document | None) -> Document:
        document = before or documents.new_document(COLLECTION, document_id, {**_NEW, **whose})
        body = document.body
        # A count of a clock that was ahead puts off no other.
        due_at = body["due_at"] if (body["counted_at"] or 0) <= core.clock() else 0
        return _with(document, marks=body["marks"] + 1, due_at=due_at)

    changed = sorted(set(owners))
    marked: dict[str, JSON] = {owner_segment(owner): {"owner": owner} for owner in changed}
    if core.keys is not None:
        marked |= {_id_of_tenant(tenant): {"tenant": tenant} for tenant in map(tenant_of, changed)}
    for document_id, whose in marked.items():
        documents.change(core, COLLECTION, document_id, partial(decide, document_id, whose))


def due_count(core: Core) -> tuple[str, int] | None:
    """Return the id of the document that is due first, and the time at which it is; None without one."""
    query = DocumentQuery(collection=COLLECTION, prefix=_DUE, limit=1)
    found = documents.documents_of(core).find_documents(query, now=core.clock()).documents
    return (found[0].document_id, found[0].body["due_at"]) if found else None


def count_stored(core: Core, document_id: str, go_on: Callable[[], bool]) -> None:
    """Count the bytes of an owner or tenant. Raises Stopped when ``go_on`` returns False; then it is counted later."""
    before = documents.find(core, COLLECTION, document_id)
    if before is None:
        return
    marks, began_at, began = before.body["marks"], core.clock(), core.timer()
    owners = [before.body["owner"]] if "owner" in before.body else list(_owners_of(core, before.body["tenant"]))
    logical, stored = _count(core, owners, go_on)
    due_at = core.clock() + max(PAUSE_MS, _LOAD * (core.timer() - began))

    def decide(now: Document | None) -> Document | None:
        found = {"bytes": logical, "stored": stored, "counted": marks, "counted_at": began_at, "due_at": due_at}
        return _with(now, **found) if now is not None else None

    documents.change(core, COLLECTION, document_id, decide)


def put_off(core: Core, document_id: str) -> None:
    """Let a count that failed wait, so that others come before it."""

    def decide(now: Document | None) -> Document | None:
        return _with(now, due_at=core.clock() + PAUSE_MS) if now is not None else None

    documents.change(core, COLLECTION, document_id, decide)


def stored_of(core: Core, owner: str) -> JSON | None:
    """Return the bytes that an owner's files take, and what is saved; None before the first count."""
    return _told(core, owner_segment(owner))


def stored_of_tenant(core: Core, tenant: str) -> JSON | None:
    """Return the bytes that the files of a tenant's owners take, and what is saved; None where nothing is shared."""
    return _told(core, _id_of_tenant(tenant))


def _told(core: Core, document_id: str) -> JSON | None:
    found = documents.find(core, COLLECTION, document_id)
    if found is None or found.body["counted_at"] is None:
        return None
    logical, stored = found.body["bytes"], found.body["stored"]
    return {"bytes": stored, "saved_bytes": logical - stored, "counted_at": found.body["counted_at"]}


def _id_of_tenant(tenant: str) -> str:
    return f"tenant.{tenant}"


def _owners_of(core: Core, tenant: str) -> Iterator[str]:
    """Yield the owners of a tenant that have, or had, files."""
    query = DocumentQuery(collection=COLLECTION, limit=_PAGE)
    for document in documents.documents_of(core).walk_documents(query, now=core.clock()):
        owner = document.body.get("owner")
        if owner is not None and tenant_of(owner) == tenant:
            yield owner


def _with(document: Document, **fields: int) -> Document:
    body = {**document.body, **fields}
    due = f"{_DUE}{body['due_at']:016}" if body["marks"] != body["counted"] else _DONE
    return replace(document, body=body, order=due)


def _count(core: Core, owners: Sequence[str], go_on: Callable[[], bool]) -> tuple[int, int]:
    """Return the bytes of the files of owners, and those that are stored."""
    rounds = 1
    while True:
        found = []
        for number in range(rounds):
            counted = _Round(rounds, number)
            if not _count_round(core, owners, counted, go_on):
                break
            found.append(counted)
        else:
            return found[0].logical, found[0].blobs + sum(each.chunks for each in found)
        rounds *= 2


def _count_round(core: Core, owners: Sequence[str], counted: _Round, go_on: Callable[[], bool]) -> bool:
    """Count one part of the copies; return False when there are too many to hold."""
    held: set[int] = set()
    files = chain.from_iterable(files_of(core, owner) for owner in owners)
    for record in chain.from_iterable(files):
        if not go_on():
            raise Stopped
        counted.logical += sum(part.size for part in _contents(record) if part.received_at is not None)
        for part in record.stored_parts:
            manifest = manifest_of(part)
            if part.received_at is None:
                continue
            if manifest is None:
                counted.blobs += part.size
                continue
            for token, size in _copies(core, manifest, go_on):
                if token % counted.rounds == counted.number and token not in held:
                    held.add(token)
                    counted.chunks += size
            if len(held) > MOST_HELD:
                return False
    return True


def _contents(record: FileRecord) -> Iterator[Part]:
    """Yield the parts of the content and of each version, as often as they are content."""
    yield from record.parts
    for version in record.versions:
        yield from version.parts


def _copies(core: Core, manifest: str, go_on: Callable[[], bool]) -> Iterator[tuple[int, int]]:
    """Yield the copies that a manifest lists: the number that is their token, and their size."""
    for chunk in chunks_of(core, manifest):
        if not go_on():
            raise Stopped
        yield int(chunk.token, 16), chunk.size
