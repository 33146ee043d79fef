"""The change feed: a database beside the files', with one document per write, whose own changes are the sequence.

1. An entry's id is the file's and the revision, its CouchDB revision a digest of its content: writing it twice, by
   whomever, is writing it once, also after it was trimmed.
2. A writer puts the file's document first, which holds what the entry will say, then the entry. Before it writes over
   a document it makes sure that the entry of the revision before is there: a file's entries come in order.
3. Entries of writers that died in between are written by whoever reads the feed: it follows the changes of the files'
   database, and keeps its place there.
4. Nothing else is in this database, and it has one shard, so that its changes have one order.
"""

from __future__ import annotations

import hashlib
import threading

import orjson

from storage_adapters.errors import StorageUnavailable
from storage_adapters.metadata.couchdb.database import Database
from storage_adapters.metadata.couchdb.records import Stored, encode, entry_document, parse_document, parse_entry
from storage_adapters.metadata.couchdb.state import State
from storage_adapters.records import Change

_BATCH = 100
_LARGE_BATCH = 2_000
_MOST_BATCHES = 20
_PLACE = "feed-place"
_TRIMMED = "feed-trimmed"


class Feed:
    """The feed of a store, and its place in the changes of the files."""

    def __init__(self, files: Database, entries: Database, state: State) -> None:
        self._files = files
        self._entries = entries
        self._state = state
        self._lock = threading.Lock()
        self._place: str | None = None
        self._kept_place = ""
        self._followed = 0

    def create(self) -> None:
        """Begin a feed: of what is in the database already it tells nothing."""
        self._entries.create(q="1")
        if self._state.get(_PLACE) is None:
            self._state.put(_PLACE, {"sequence": self._files.update_seq()}, over=None)

    def ensure(self, stored: Stored) -> None:
        """Make sure that the entry of a file's latest change is there."""
        if stored.change is not None:
            self._add_missing([stored])

    def has(self, document_id: str, revision: int) -> bool:
        """Whether the entry of a change is there, or was."""
        return "error" not in self._entries.all([_id_of(document_id, revision)])[0]

    def append(self, written: bytes, rev: str) -> None:
        """Add the entry of the document that was just written."""
        document = orjson.loads(written)
        self._write([parse_document(document | {"_rev": rev})])

    def read(self, after: str, limit: int) -> list[Change]:
        """Return changes behind a sequence."""
        self._follow()
        after = after or self._beginning()
        found: list[Change] = []
        while len(found) < limit:
            wanted = min(limit - len(found), _BATCH)
            rows, after = self._entries.changes(after, wanted, include_docs="true")
            found += [parse_entry(row["doc"], str(row["seq"])) for row in rows if not row.get("deleted")]
            if len(rows) < wanted:
                break
        return found

    def last(self) -> str:
        """Return the sequence of the newest change, trimmed or not."""
        rows, _ = self._entries.changes("", _BATCH, descending="true")
        newest = next((str(row["seq"]) for row in rows if not row.get("deleted")), None)
        if newest is not None:
            return newest
        # Nothing but what trimming left: the newest is the one that was noted then, or came since.
        trimmed = self._state.get(_TRIMMED)
        newest = place = "" if trimmed is None else str(trimmed["sequence"])
        while True:
            rows, place = self._entries.changes(place, _LARGE_BATCH)
            newest = next((str(row["seq"]) for row in reversed(rows) if not row.get("deleted")), newest)
            if len(rows) < _LARGE_BATCH:
                return newest

    def trim(self, checkpoints: list[str], limit: int) -> int:
        """Delete entries that all checkpoints have passed, oldest first."""
        passed: list[tuple[str, str]] = []
        place = self._beginning()
        slowest = min(map(number_of, checkpoints), default=0)
        while len(passed) < limit:
            rows, end = self._entries.changes(place, _BATCH)
            for row in rows:
                if number_of(str(row["seq"])) > slowest or len(passed) == limit:
                    break
                place = str(row["seq"])
                if not row.get("deleted"):
                    passed.append((row["id"], row["changes"][0]["rev"]))
            else:
                place = end
                if len(rows) == _BATCH:
                    continue
            break
        if not passed:
            return 0
        # Kept before they are gone: it tells the end of a feed that has no entry left, and where to begin reading.
        self._state.replace(_TRIMMED, {"sequence": self.last(), "place": place})
        answers = self._entries.bulk([{"_id": i, "_rev": rev, "_deleted": True} for i, rev in passed])
        return sum("error" not in answer for answer in answers)

    def _beginning(self) -> str:
        """A sequence before which there are no entries any more."""
        trimmed = self._state.get(_TRIMMED)
        return "" if trimmed is None else str(trimmed["place"])

    def _follow(self) -> None:
        """Write the entries that writers did not come to write; of very many changes, some now and some later."""
        with self._lock:
            if self._place is None:
                kept = self._state.get(_PLACE)
                self._place = "" if kept is None else str(kept["sequence"])
            for _ in range(_MOST_BATCHES):
                rows, place = self._files.changes(self._place, _BATCH, include_docs="true")
                stored = [parse_document(row["doc"]) for row in rows if _is_file(row)]
                self._add_missing([each for each in stored if each.change is not None])
                self._place = place
                self._followed += len(rows)
                if self._followed >= _BATCH:
                    self._followed = 0
                    self._state.replace(_PLACE, {"sequence": place})
                if len(rows) < _BATCH:
                    return

    def _add_missing(self, files: list[Stored]) -> None:
        rows = self._entries.all(map(entry_id, files))
        self._write([each for each, row in zip(files, rows, strict=True) if "error" in row])

    def _write(self, files: list[Stored]) -> None:
        if not files:
            return
        documents = []
        for each in files:
            content = encode(entry_document(each))
            digest = hashlib.blake2b(content, digest_size=16).hexdigest()
            identity = orjson.dumps({"_id": entry_id(each), "_rev": f"1-{digest}"})
            documents.append(orjson.Fragment(identity[:-1] + b"," + content[1:]))
        for row in self._entries.bulk(documents, new_edits=False):
            if "error" in row:
                raise StorageUnavailable(f"couchdb: an entry of the feed was refused: {row}")


def number_of(sequence: str) -> int:
    """How far a sequence is; 0 when it is none.

    CouchDB's are a number and more: the number grows with each change of a database, and of one shard it says all.
    """
    number = sequence.partition("-")[0]
    return int(number) if number.isascii() and number.isdecimal() and len(number) < 20 else 0


def has_passed(sequence: str, checkpoint: str) -> bool:
    """See ``SupportsChanges``."""
    return sequence == "" or 0 < number_of(sequence) <= number_of(checkpoint)


def entry_id(stored: Stored) -> str:
    """The id of the entry of a file's latest change."""
    return _id_of(stored.document_id, stored.revision)


def _id_of(document_id: str, revision: int) -> str:
    return f"{document_id}:{revision}"


def _is_file(row: dict[str, object]) -> bool:
    return not row.get("deleted") and not str(row["id"]).startswith("_")
