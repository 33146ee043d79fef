"""Unique names without transactions: a reservation is a lock, the records that have a name are the truth.

1. Who wants a name for a file writes the reservation: the file, and the revision of its document on which the record
   will be written (``base``). Then it looks for other holders, then it writes the record.
2. A reservation is dead once the document of its file is no longer at ``base``: the write that it was made for can
   only fail. A dead one of another file is written over, unless that file has the name. One of the writer's own file
   for another ``base`` is written over only while the document is at the writer's: otherwise the writer is the one
   that can only fail, and a dead reservation in the place of one that is not would give the name away.
3. One that is not dead belongs to a writer on its way, or to one that died. It is waited for; then the document of
   the file is written once more as it is (or, if there is none, a fence in its place), which kills the reservation
   without exception: a writer that was only slow finds its base gone, and starts again from 1.

So of two holders the second cannot have been written: the writer that took the reservation made sure that the write
behind the former one had taken place, and saw it, or never would.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping

from storage_adapters.errors import NameTaken, StorageUnavailable
from storage_adapters.metadata.couchdb.database import Database, new_write_id
from storage_adapters.metadata.couchdb.index import names_of
from storage_adapters.metadata.couchdb.keys import bearer_id_of, document_id_of
from storage_adapters.metadata.couchdb.views import DESIGNS
from storage_adapters.records import JSON, FileRecord

PATIENCE_SECONDS = 2.0
_POLL_SECONDS = 0.02
_MOST_ATTEMPTS = 100

_Name = tuple[str, str]  # kind, name


def claim(files: Database, state: Database, record: FileRecord, *, base: str | None, borne: Collection[str]) -> bool:
    """Claim the names of the record that its file does not have yet; return False as ``claim_all`` does."""
    wanted = {digest: name for digest, name in names_of(record).items() if digest not in borne}
    return claim_all(files, state, wanted, holder=document_id_of(record.file_id), base=base)


def claim_all(files: Database, state: Database, wanted: Mapping[str, _Name], *, holder: str, base: str | None) -> bool:
    """Claim names, by their digests, for the document ``holder`` of a database; raises NameTaken.

    Return False when the document is found at another revision than ``base``, over which it cannot be written.
    """
    if not wanted:
        return True
    for digest, name in wanted.items():
        if not _reserve(files, state, digest, name, holder=holder, base=base):
            return False
    holders = holders_of(files, list(wanted))
    for digest, (kind, text) in wanted.items():
        others = [each for each in holders[digest] if each != holder]
        if others:
            raise NameTaken(kind, text, bearer_id_of(others[0]))
    return True


def holders_of(files: Database, digests: list[str]) -> dict[str, list[str]]:
    """Return the documents that hold each name, the latest first."""
    found: dict[str, list[tuple[str, str]]] = {digest: [] for digest in digests}
    for row in files.view(DESIGNS["names"].name, keys=list(found), reduce=False):
        found[row["key"]].append((row["value"], row["id"]))
    return {digest: [holder for _, holder in sorted(rows, reverse=True)] for digest, rows in found.items()}


def _reserve(files: Database, state: Database, digest: str, name: _Name, *, holder: str, base: str | None) -> bool:
    """Write the reservation of a name; return False when the document of its holder is no longer at ``base``."""
    reservation: JSON = {"_id": f"name-{digest}", "write_id": new_write_id(), "holder": holder, "base": base}
    seen, deadline = None, 0.0
    for _ in range(_MOST_ATTEMPTS):
        if state.put(reservation) is not None:
            return True
        while True:
            found = state.get(reservation["_id"])
            if found is None or (found["holder"], found["base"]) == (holder, base):
                break
            document = files.get(found["holder"])
            rev = (document or {}).get("_rev")
            if found["holder"] == holder:
                if rev != base:
                    return False
                break
            if document is not None and digest in (document.get("index") or {}).get("names", ()):
                raise NameTaken(*name, bearer_id_of(found["holder"]))
            if rev != found["base"]:
                break
            if found["_rev"] != seen:
                seen, deadline = found["_rev"], time.monotonic() + PATIENCE_SECONDS
            if time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS)
            else:
                _fence(files, found["holder"], document)
        reservation.pop("_rev", None)
        if found is not None:
            reservation["_rev"] = found["_rev"]
    raise StorageUnavailable(f"too many writers want the same {name[0]}")


def _fence(files: Database, document_id: str, document: JSON | None) -> None:
    """Give a document a new revision without a change. A faster write of another process does as well."""
    moved = {"_id": document_id} if document is None else document
    files.put(moved | {"write_id": new_write_id()})
