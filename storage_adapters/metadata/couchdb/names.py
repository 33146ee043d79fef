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

4. A writer that is refused withdraws its reservations, unless another one for the same base may rely on them. A dead
   one whose file does not have the name is removed some time later: it locks nothing.

So of two holders the second cannot have been written: the writer that took the reservation made sure that the write
behind the former one had taken place, and saw it, or never would.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

from storage_adapters.errors import NameTaken, StorageUnavailable
from storage_adapters.metadata.couchdb.database import Database, new_write_id
from storage_adapters.metadata.couchdb.index import names_of
from storage_adapters.metadata.couchdb.keys import KEPT, bearer_id_of, document_id_of
from storage_adapters.metadata.couchdb.views import DESIGNS
from storage_adapters.records import JSON, FileRecord

PATIENCE_SECONDS = 2.0
_POLL_SECONDS = 0.02
_MOST_ATTEMPTS = 100

_PREFIX = "name-"

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
    made: list[JSON] = []
    try:
        for digest, name in wanted.items():
            if not _reserve(files, state, digest, name, holder=holder, base=base, made=made):
                return False
        holders = holders_of(files, list(wanted))
        for digest, (kind, text) in wanted.items():
            others = [each for each in holders[digest] if each != holder]
            if others:
                raise NameTaken(kind, text, bearer_id_of(others[0]))
    except NameTaken:
        with suppress(StorageUnavailable):
            _remove(state, made)
        raise
    return True


def holders_of(files: Database, digests: list[str]) -> dict[str, list[str]]:
    """Return the documents that hold each name, the latest first."""
    found: dict[str, list[tuple[str, str]]] = {digest: [] for digest in digests}
    for row in files.view(DESIGNS["names"].name, keys=list(found), reduce=False):
        found[row["key"]].append((row["value"], row["id"]))
    return {digest: [holder for _, holder in sorted(rows, reverse=True)] for digest, rows in found.items()}


class Removal:
    """Removal of the reservations that lock nothing, in a walk over all of them."""

    def __init__(self, files: Database, documents: Database, state: Database) -> None:
        self._files, self._documents, self._state = files, documents, state
        # Anywhere: processes that end early come everywhere, too.
        self._place = _PREFIX + new_write_id()

    def step(self, limit: int) -> int:
        """Look at reservations behind the last ones, or at the first of all; return how many are removed."""
        found = self._state.between(self._place, _PREFIX + "~", limit=limit)
        self._place = found[-1]["_id"] if len(found) == limit else _PREFIX
        kept = [each for each in found if each["holder"].startswith(KEPT)]
        of_files = [each for each in found if not each["holder"].startswith(KEPT)]
        dead = [*self._dead(self._files, of_files), *self._dead(self._documents, kept)]
        return _remove(self._state, dead)

    def _dead(self, files: Database, reservations: Sequence[JSON]) -> list[JSON]:
        holders = holders_of(files, [_digest_of(each) for each in reservations]) if reservations else {}
        spare = [each for each in reservations if each["holder"] not in holders[_digest_of(each)]]
        # Read one by one: of a cluster, only so are the copies compared.
        return [each for each in spare if (files.get(each["holder"]) or {}).get("_rev") != each["base"]]


def _digest_of(reservation: JSON) -> str:
    return str(reservation["_id"]).removeprefix(_PREFIX)


def _remove(state: Database, reservations: Sequence[JSON]) -> int:
    """Remove reservations as they were read or written; return how many were still so."""
    gone = [{"_id": each["_id"], "_rev": each["_rev"], "_deleted": True} for each in reservations]
    return sum("error" not in row for row in state.bulk(gone)) if gone else 0


def _reserve(
    files: Database,
    state: Database,
    digest: str,
    name: _Name,
    *,
    holder: str,
    base: str | None,
    made: list[JSON],
) -> bool:
    """Write the reservation of a name; return False when the document of its holder is no longer at ``base``.

    ``made`` gets the reservation, unless another writer has made it for the same base.
    """
    reservation: JSON = {"_id": _PREFIX + digest, "write_id": new_write_id(), "holder": holder, "base": base}
    seen, deadline, is_shared = None, 0.0, False
    for _ in range(_MOST_ATTEMPTS):
        rev = state.put(reservation)
        if rev is not None:
            made += [] if is_shared else [{"_id": reservation["_id"], "_rev": rev}]
            return True
        while True:
            found = state.get(reservation["_id"])
            is_shared = found is not None and (found["holder"], found["base"]) == (holder, base)
            if found is None or is_shared:
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
