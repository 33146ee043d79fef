"""The change feed: a database beside the files', with one document per write, whose own changes are the sequence.

1. An entry's id is that of the file or document, the revision and the name of the write, its CouchDB revision a digest
   of its content: a second write of it changes nothing, also after it was trimmed.
2. A writer puts the file's document first, which holds what the entry will say, then the entry. Before it writes over
   a document it makes sure that the entry of the revision before is there: a file's entries come in order.
3. Entries of writers that died in between are written by readers of the feed: these follow the changes of the files'
   database and of that of documents, and keep their place in each.
4. Nothing else is in this database, and it has one shard, so that its changes have one order. In a cluster each copy
   of the shard has its own: after a node was away, changes may be read again, and in another order.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import orjson

from storage_adapters.errors import StorageUnavailable
from storage_adapters.metadata.couchdb.database import Database
from storage_adapters.metadata.couchdb.keys import file_id_of
from storage_adapters.metadata.couchdb.records import Stored, encode, entry_document, parse_document, parse_entry
from storage_adapters.metadata.couchdb.state import State
from storage_adapters.ports.document_codec import document_from_text
from storage_adapters.ports.documents import DocumentChange
from storage_adapters.ports.metadata import BEGINNING
from storage_adapters.records import JSON, Change

_BATCH = 100
_LARGE_BATCH = 2_000
_MOST_BATCHES = 20
_DELETIONS = 500
_PLACE = "feed-place"
_PLACE_IN_DOCUMENTS = "feed-place-documents"
_TRIMMED = "feed-trimmed"


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the feed as it is stored."""

    entry_id: str
    content: bytes


@dataclass(slots=True)
class _Followed:
    """A database whose changes are followed, and the position reached in it."""

    database: Database
    name: str
    entry_in: Callable[[JSON], Entry | None]
    place: str | None = None
    count: int = 0


class Feed:
    """The feed of a store, and its places in the changes of files and of documents."""

    def __init__(self, files: Database, documents: Database, entries: Database, state: State) -> None:
        self.entries = entries
        self._state = state
        self._lock = threading.Lock()
        self._followed = (
            _Followed(files, _PLACE, lambda document: _entry_of(parse_document(document))),
            _Followed(documents, _PLACE_IN_DOCUMENTS, document_entry),
        )

    def create(self) -> None:
        """Create a feed, without entries of what is in the database already."""
        self.entries.create(q="1")
        for each in self._followed:
            if self._state.get(each.name) is None and each.database.exists():
                self._state.put(each.name, {"sequence": each.database.update_seq()}, over=None)

    def rebuild(self) -> None:
        """Make a lost feed again, with the latest change of each file and document.

        Its sequences are others, so that no checkpoint means anything any more: all consumers start over.
        """
        self._state.clear_checkpoints()
        self._state.replace(_TRIMMED, {"sequence": "", "place": ""})
        self.entries.create(q="1")
        for each in self._followed:
            each.place, each.count = "", 0
            self._state.replace(each.name, {"sequence": ""})
            while not self._follow(each):
                continue

    def ensure(self, stored: Stored) -> None:
        """Make sure that the entry of a file's latest change is there."""
        self.add_missing([_entry_of(stored)])

    def has(self, entry_id: str) -> bool:
        """Return True when an entry exists or existed."""
        return "error" not in self.entries.all([entry_id])[0]

    def append(self, written: bytes, rev: str) -> None:
        """Add the entry of the document that was just written."""
        self.write([_entry_of(parse_document(orjson.loads(written) | {"_rev": rev}))])

    def read(self, after: str, limit: int) -> list[Change | DocumentChange]:
        """Return changes behind a sequence."""
        return [_parsed(row["doc"], str(row["seq"])) for row in self._rows(after, limit)]

    def read_of(self, wanted: Callable[[str], bool], after: str, limit: int) -> tuple[list[Change], str, int]:
        """See ``SupportsChanges.changes_of``."""
        rows = self._rows(after, limit)
        of_files = [row for row in rows if "document" not in row["doc"]]
        chosen = [row for row in of_files if wanted(file_id_of(row["id"].rpartition(":")[0]))]
        found = [parse_entry(row["doc"], str(row["seq"])) for row in chosen]
        return found, str(rows[-1]["seq"]) if rows else after, len(rows)

    def _rows(self, after: str, limit: int) -> list[JSON]:
        for each in self._followed:
            self._follow(each)
        after = self._beginning() if after in ("", BEGINNING) else after
        found: list[JSON] = []
        while len(found) < limit:
            wanted = min(limit - len(found), _BATCH)
            rows, after = self.entries.changes(after, wanted, include_docs="true")
            found += [row for row in rows if not row.get("deleted")]
            if len(rows) < wanted:
                break
        return found

    def last(self) -> str:
        """Return the sequence of the newest change, trimmed or not."""
        rows, _ = self.entries.changes("", _BATCH, descending="true")
        newest = next((str(row["seq"]) for row in rows if not row.get("deleted")), None)
        if newest is not None:
            return newest
        # Nothing but what trimming left: the newest is the one that was noted then, or came since.
        trimmed = self._state.get(_TRIMMED)
        newest = place = "" if trimmed is None else str(trimmed["sequence"])
        while True:
            rows, place = self.entries.changes(place, _LARGE_BATCH)
            newest = next((str(row["seq"]) for row in reversed(rows) if not row.get("deleted")), newest)
            if len(rows) < _LARGE_BATCH:
                return newest

    def has_behind(self, sequence: str) -> bool:
        """Return True when the feed came to a sequence, and was not trimmed behind it."""
        number, beginning = number_of(sequence), self._beginning()
        if self.entries.clustered:
            # Nodes count for themselves. No checkpoint was trimmed past, so one that was given out is good.
            return number > 0 or not beginning
        return number_of(beginning) <= number <= number_of(self.entries.update_seq())

    def trim(self, checkpoints: list[str], limit: int) -> int:
        """Delete entries that all checkpoints have passed, oldest first."""
        if not checkpoints or not all(map(number_of, checkpoints)):
            return 0
        trimmed = self._state.get(_TRIMMED) or {"place": ""}
        start = str(trimmed.get("deleted", trimmed["place"]))
        passed, place = self._passed(start, checkpoints, limit)
        if not passed:
            return 0
        # Kept before they are gone: it tells the end of a feed that has no entry left, and where to begin reading.
        # ``deleted`` follows when they are gone: what an interrupted trim left is behind it.
        self._note_trim(place, start)
        answers = self.entries.bulk([{"_id": i, "_rev": rev, "_deleted": True} for i, rev in passed])
        if all(answer.get("error", "conflict") == "conflict" for answer in answers):
            self._state.change(
                _TRIMMED, lambda found: {**found, "deleted": place} if found and found.get("deleted") == start else None
            )
        return sum("error" not in answer for answer in answers)

    def _note_trim(self, place: str, deleted: str) -> None:
        """Keep the places of a trim; the one where readers begin never goes back, also beside other trims."""
        newest = self.last()

        def decide(found: JSON | None) -> JSON:
            beginning = max("" if found is None else str(found["place"]), place, key=number_of)
            return {"sequence": newest, "place": beginning, "deleted": deleted}

        self._state.change(_TRIMMED, decide)

    def _passed(self, place: str, checkpoints: list[str], limit: int) -> tuple[list[tuple[str, str]], str]:
        """Return ids and revisions of entries behind a place that all checkpoints have passed, and the last place."""
        passed: list[tuple[str, str]] = []
        while len(passed) < limit:
            rows, end = self.entries.changes(place, _BATCH)
            waiting = self._waiting([row["id"] for row in rows], checkpoints)
            for row in rows:
                if row["id"] in waiting or len(passed) == limit:
                    break
                place = str(row["seq"])
                if not row.get("deleted"):
                    passed.append((row["id"], row["changes"][0]["rev"]))
            else:
                place = end
                if len(rows) == _BATCH:
                    continue
            break
        return passed, place

    def _waiting(self, entry_ids: list[str], checkpoints: list[str]) -> set[str]:
        """Return those of the entries that a consumer has not read: the numbers of a cluster's nodes do not tell."""
        found: set[str] = set()
        for checkpoint in set(checkpoints) if entry_ids else ():
            found |= self.entries.behind(checkpoint, entry_ids)
        return found

    def has_passed(self, sequence: str, checkpoint: str) -> bool:
        """See ``SupportsChanges``. In a cluster, only the same sequence is known to be passed."""
        if self.entries.clustered:
            return sequence in ("", BEGINNING, checkpoint)
        return sequence in ("", BEGINNING) or 0 < number_of(sequence) <= number_of(checkpoint)

    def _beginning(self) -> str:
        """Return a sequence before which no entries are left."""
        trimmed = self._state.get(_TRIMMED)
        return "" if trimmed is None else str(trimmed["place"])

    def withdraw(self, prefix: str) -> int:
        """Remove the entries whose ids begin with a prefix; return how many."""
        removed, place = 0, prefix
        while found := self.entries.revisions(behind=place, prefix=prefix, limit=_DELETIONS):
            answers = self.entries.bulk([{"_id": i, "_rev": rev, "_deleted": True} for i, rev in found])
            removed += sum("error" not in answer for answer in answers)
            place = found[-1][0]
        return removed

    def _follow(self, followed: _Followed) -> bool:
        """Write the entries that interrupted writers left out; of very many changes, some now and some later.

        Return True when none are left.
        """
        with self._lock:
            if followed.place is None:
                kept = self._state.get(followed.name)
                followed.place = "" if kept is None else str(kept["sequence"])
            for _ in range(_MOST_BATCHES):
                rows, place = followed.database.changes(followed.place, _BATCH, include_docs="true")
                self.add_missing([followed.entry_in(row["doc"]) for row in rows if _is_kept(row)])
                followed.place = place
                followed.count += len(rows)
                if followed.count >= _BATCH:
                    followed.count = 0
                    self._state.replace(followed.name, {"sequence": place})
                if len(rows) < _BATCH:
                    return True
        return False

    def add_missing(self, entries: Iterable[Entry | None]) -> None:
        """Write the entries that are not there, and never were."""
        wanted = [entry for entry in entries if entry is not None]
        rows = self.entries.all(entry.entry_id for entry in wanted)
        self.write([entry for entry, row in zip(wanted, rows, strict=True) if "error" in row])

    def write(self, entries: Iterable[Entry | None]) -> None:
        """Write entries; a repetition changes nothing."""
        documents = []
        for entry in entries:
            if entry is not None:
                digest = hashlib.blake2b(entry.content, digest_size=16).hexdigest()
                identity = orjson.dumps({"_id": entry.entry_id, "_rev": f"1-{digest}"})
                documents.append(orjson.Fragment(identity[:-1] + b"," + entry.content[1:]))
        for row in self.entries.bulk(documents, new_edits=False) if documents else ():
            if "error" in row:
                raise StorageUnavailable(f"couchdb: an entry of the feed was refused: {row}")


def document_entry(document: JSON) -> Entry | None:
    """Make the entry of a document's latest change, None when it has none: a copy, or a fence."""
    if not document.get("announced"):
        return None
    content = orjson.dumps({"document": document["document"]})
    return Entry(f"{document['_id']}:{document['revision']}:{document['announced']}", content)


def number_of(sequence: str) -> int:
    """Return the number in a sequence; 0 when it has none.

    CouchDB's are a number and more: the number grows with each change of a database, and of one shard it says all.
    """
    number = sequence.partition("-")[0]
    return int(number) if number.isascii() and number.isdecimal() and len(number) < 20 else 0


def _entry_of(stored: Stored) -> Entry | None:
    entry_id = stored.entry_id
    return None if entry_id is None else Entry(entry_id, encode(entry_document(stored)))


def _parsed(entry: JSON, sequence: str) -> Change | DocumentChange:
    if "document" in entry:
        return DocumentChange(sequence=sequence, document=document_from_text(entry["document"]))
    return parse_entry(entry, sequence)


def _is_kept(row: dict[str, object]) -> bool:
    return not row.get("deleted") and not str(row["id"]).startswith("_")
