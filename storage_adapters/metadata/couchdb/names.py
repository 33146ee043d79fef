"""Unique names without transactions: a reservation is a lock, the records that have a name are the truth.

1. Who wants a name for a file writes the reservation: the file, and the revision of its document on which the record
   will be written (``base``). Then it looks for other holders, then it writes the record.
2. A reservation of another file is dead once that file's document is no longer at ``base``: the write that it was
   made for can only fail. A dead one is written over, unless the file has the name.
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


def claim(files: Database, state: Database, record: FileRecord, *, base: str | None, borne: Collection[str]) -> None:
    """Claim the names of the record that its file does not have yet; raises NameTaken."""
    wanted = {digest: name for digest, name in names_of(record).items() if digest not in borne}
    claim_all(files, state, wanted, holder=document_id_of(record.file_id), base=base)


def claim_all(files: Database, state: Database, wanted: Mapping[str, _Name], *, holder: str, base: str | None) -> None:
    """Claim names, by their digests, for the document ``holder`` of a database; raises NameTaken."""
    if not wanted:
        return
    for digest, name in wanted.items():
        _reserve(files, state, digest, name, holder=holder, base=base)
    holders = holders_of(files, list(wanted))
    for digest, (kind, text) in wanted.items():
        others = [each for each in holders[digest] if each != holder]
        if others:
            raise NameTaken(kind, text, bearer_id_of(others[0]))


def holders_of(files: Database, digests: list[str]) -> dict[str, list[str]]:
    """Return the documents that hold each name, the latest first."""
    found: dict[str, list[tuple[str, str]]] = {digest: [] for digest in digests}
    for row in files.view(DESIGNS["names"].name, keys=list(found), reduce=False):
        found[row["key"]].append((row["value"], row["id"]))
    return {digest: [holder for _, holder in sorted(rows, reverse=True)] for digest, rows in found.items()}


def _reserve(files: Database, state: Database, digest: str, name: _Name, *, holder: str, base: str | None) -> None:
    reservation: JSON = {"_id": f"name-{digest}", "write_id": new_write_id(), "holder": holder, "base": base}
    seen, deadline = None, 0.0
    for _ in range(_MOST_ATTEMPTS):
        if state.put(reservation) is not None:
            return
        while True:
            found = state.get(reservation["_id"])
            if found is None or found["holder"] == holder:
                break
            document = files.get(found["holder"])
            if document is not None and digest in (document.get("index") or {}).get("names", ()):
                raise NameTaken(*name, bearer_id_of(found["holder"]))
            if (document or {}).get("_rev") != found["base"]:
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
