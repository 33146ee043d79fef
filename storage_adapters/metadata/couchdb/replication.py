"""Replication of copies by `_bulk_docs`, each over the revision of the document that it is meant to replace.

That revision is remembered from the last copy of the file, or there is none because the file is new here, or it is
read. A copy that is refused because of it is decided again from what is there. Copies carry nothing for the feed, and
claim no names: the records that have them are the truth.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import orjson

from storage_adapters.errors import StorageUnavailable
from storage_adapters.metadata.couchdb.database import Database
from storage_adapters.metadata.couchdb.feed import Feed
from storage_adapters.metadata.couchdb.keys import document_id_of
from storage_adapters.metadata.couchdb.records import Stored, encode, file_document, parse_document, tombstone_document
from storage_adapters.metadata.couchdb.revision_cache import Recent
from storage_adapters.records import JSON, FileRecord, Tombstone

MOST_REMEMBERED = 200_000
_LARGEST_BATCH_BYTES = 4_000_000
_LARGEST_BATCH = 2_000
_MOST_ROUNDS = 20

Copy = FileRecord | Tombstone


@dataclass(frozen=True, slots=True)
class _Known:
    """Known state of a document: its CouchDB revision (None: there is none) and ours."""

    rev: str | None
    revision: int


_NEW = _Known(None, 0)
_UNANSWERED: JSON = {"error": "the server did not say what became of it"}


class Replica:
    """The side of the store that copies are written to."""

    def __init__(self, files: Database, feed: Feed) -> None:
        self._files = files
        self._feed = feed
        self._recent: Recent[_Known] = Recent(MOST_REMEMBERED)
        self._most_are_new = True

    def replicate(self, copies: Sequence[Copy], *, force: bool) -> list[bool]:
        """See ``SupportsReplication``."""
        answers = [False] * len(copies)
        ids = [document_id_of(copy.file_id) for copy in copies]
        known = {} if force else self._guess(ids, copies)
        attempts: dict[str, str] = {}
        todo = list(range(len(copies)))
        for _ in range(_MOST_ROUNDS):
            unknown = [number for number in todo if ids[number] not in known]
            for number, stored, write_id in self._read([ids[number] for number in unknown], unknown):
                if stored is not None and write_id == attempts.get(ids[number]):
                    # Refused because the first of two attempts had been carried out.
                    answers[number] = True
                    todo.remove(number)
                elif stored is not None and not _is_wanted(copies[number], stored, force=force):
                    todo.remove(number)
                else:
                    known[ids[number]] = _NEW if stored is None else _Known(stored.rev, stored.revision)
            refused = []
            for batch in _cut([(number, _document(copies[number], known[ids[number]])) for number in todo]):
                attempts |= {ids[number]: document["write_id"] for number, document, _ in batch}
                rows = self._files.bulk([orjson.Fragment(encoded) for _, _, encoded in batch])
                by_id = {row.get("id"): row for row in rows}
                for number, _, _ in batch:
                    row = by_id.get(ids[number], _UNANSWERED)
                    if "error" not in row:
                        answers[number] = True
                        self._recent.put(ids[number], _Known(row["rev"], copies[number].revision))
                    elif row["error"] == "conflict":
                        refused.append(number)
                        self._recent.forget(ids[number])
                        del known[ids[number]]
                    else:
                        raise StorageUnavailable(f"couchdb: a document was refused: {row['error']}")
            if todo:
                self._most_are_new = 2 * len(refused) <= len(todo)
            todo = refused
            if not todo:
                return answers
        raise StorageUnavailable("too many writers of the same files")

    def discard(self, file_ids: Sequence[str]) -> int:
        """See ``SupportsReplication``."""
        gone = 0
        todo = list(dict.fromkeys(map(document_id_of, file_ids)))
        for _ in range(_MOST_ROUNDS):
            rows = [row for row in self._files.all(todo) if "error" not in row and not row["value"].get("deleted")]
            if not rows:
                return gone
            for row in rows:
                self._recent.forget(row["id"])
            deletions = [{"_id": row["id"], "_rev": row["value"]["rev"], "_deleted": True} for row in rows]
            answers = {row.get("id"): row for row in self._files.bulk(deletions)}
            deleted = [row["id"] for row in rows if "error" not in answers.get(row["id"], _UNANSWERED)]
            gone += len(deleted)
            todo = [row["id"] for row in rows if row["id"] not in set(deleted)]
        raise StorageUnavailable("too many writers of the same files")

    def _guess(self, ids: Sequence[str], copies: Sequence[Copy]) -> dict[str, _Known]:
        """Return states to write over without a read: the cached revision, or none as of a new file."""
        guesses: dict[str, _Known] = {}
        for document_id, copy in zip(ids, copies, strict=True):
            known = self._recent.get(document_id)
            if known is None and (self._most_are_new or copy.revision == 1):
                guesses[document_id] = _NEW
            elif known is not None and known.revision < copy.revision:
                guesses[document_id] = known
        return guesses

    def _read(self, ids: Sequence[str], numbers: Sequence[int]) -> Iterator[tuple[int, Stored | None, str | None]]:
        for number, document in zip(numbers, self._files.documents(ids), strict=True):
            if document is None:
                yield number, None, None
                continue
            write_id = document.get("write_id")
            stored = parse_document(document)
            # A file of this store's own that is about to be written over: its last change must not be lost.
            self._feed.ensure(stored)
            yield number, stored, write_id


def _is_wanted(copy: Copy, stored: Stored, *, force: bool) -> bool:
    return copy != (stored.tombstone or stored.record) if force else copy.revision > stored.revision


def _document(copy: Copy, known: _Known) -> JSON:
    if isinstance(copy, Tombstone):
        return tombstone_document(copy, rev=known.rev, change=None, last=None)
    return file_document(copy, rev=known.rev, change=None)


def _cut(documents: Sequence[tuple[int, JSON]]) -> Iterator[list[tuple[int, JSON, bytes]]]:
    """Encode documents and cut them into requests of a moderate size."""
    batch: list[tuple[int, JSON, bytes]] = []
    size = 0
    for number, document in documents:
        encoded = encode(document)
        if batch and (size + len(encoded) > _LARGEST_BATCH_BYTES or len(batch) == _LARGEST_BATCH):
            yield batch
            batch, size = [], 0
        batch.append((number, document, encoded))
        size += len(encoded)
    if batch:
        yield batch
