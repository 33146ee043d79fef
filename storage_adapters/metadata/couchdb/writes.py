"""Conditional write of a file's document over the one that was read, with all steps before and after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from storage_adapters.errors import NameTaken, RevisionConflict, StorageUnavailable
from storage_adapters.metadata.couchdb.database import Database
from storage_adapters.metadata.couchdb.feed import Feed
from storage_adapters.metadata.couchdb.index import names_of
from storage_adapters.metadata.couchdb.keys import document_id_of
from storage_adapters.metadata.couchdb.names import claim
from storage_adapters.metadata.couchdb.records import Event, Stored, encode, file_document, parse_document
from storage_adapters.metadata.couchdb.revision_cache import Recent
from storage_adapters.records import JSON, FileRecord

MOST_REMEMBERED = 50_000
_MOST_ATTEMPTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """State to write over: a document's revisions, the names it holds, and the id of the entry that the feed may lack.

    ``entry_id`` is None when the entry is known to be there, or when there is none.
    """

    rev: str | None = None
    revision: int = 0
    names: frozenset[str] = frozenset()
    entry_id: str | None = None


_NOTHING = Base()


class Writer:
    """Writes to the files and the feed of a store."""

    def __init__(self, files: Database, locks: Database, feed: Feed) -> None:
        self._files = files
        self._locks = locks
        self._feed = feed
        self._recent: Recent[Base] = Recent(MOST_REMEMBERED)

    def load(self, file_id: str) -> Stored | None:
        """Read a file's document; None also for a fence."""
        stored = self._read(file_id)
        return stored if stored and stored.revision else None

    def save(self, new: FileRecord, change: Event) -> None:
        """Write the next revision of a record."""
        file_id, expected = new.file_id, new.revision - 1
        document_id = document_id_of(file_id)
        # A new file is taken for one until the write says otherwise.
        base = self._recent.get(document_id) if expected else _NOTHING
        if base is None or base.revision != expected:
            base = self._expect(file_id, expected)
        for _ in range(_MOST_ATTEMPTS):
            try:
                claimed = claim(self._files, self._locks, new, base=base.rev, borne=base.names)
            except NameTaken:
                self._expect(file_id, expected)
                raise
            document = file_document(new, rev=base.rev, change=change)
            if claimed and self._write(file_id, base, document, frozenset(names_of(new))):
                return
            base = self._expect(file_id, expected)
        raise StorageUnavailable(f"too many writers of file {file_id}")

    def replace(self, file_id: str, expected: int, decide: Callable[[Stored], JSON]) -> None:
        """Write what is decided from a living file's document."""
        for _ in range(_MOST_ATTEMPTS):
            stored = self._read(file_id)
            base = _expected(file_id, stored, expected)
            if stored is None or not base.revision:
                raise RevisionConflict(f"there is no file {file_id}")
            if self._write(file_id, base, decide(stored), frozenset()):
                return
        raise StorageUnavailable(f"too many writers of file {file_id}")

    def _write(self, file_id: str, base: Base, document: JSON, names: frozenset[str]) -> bool:
        if base.entry_id is not None and not self._feed.has(base.entry_id):
            self._announce(file_id, base)
        encoded = encode(document)
        document_id = document["_id"]
        self._recent.forget(document_id)
        rev = self._files.put(document, encoded=encoded)
        if rev is None:
            return False
        self._feed.append(encoded, rev)
        self._recent.put(document_id, Base(rev=rev, revision=base.revision + 1, names=names))
        return True

    def _announce(self, file_id: str, base: Base) -> None:
        """Make sure that the feed has the entry of the state to be written over."""
        stored = self._read(file_id)
        if stored is not None and stored.rev == base.rev:
            self._feed.ensure(stored)

    def _expect(self, file_id: str, revision: int) -> Base:
        """Read what is about to change."""
        return _expected(file_id, self._read(file_id), revision)

    def _read(self, file_id: str) -> Stored | None:
        document_id = document_id_of(file_id)
        document = self._files.get(document_id)
        stored = None if document is None else parse_document(document)
        if stored is not None and stored.living is not None:
            known = self._recent.get(document_id)
            if known is None or known.rev != stored.rev:
                self._recent.put(document_id, _base_of(stored))
        return stored


def _expected(file_id: str, stored: Stored | None, revision: int) -> Base:
    if stored is not None and stored.tombstone is not None:
        raise RevisionConflict(f"file {file_id} was deleted")
    base = _base_of(stored)
    if base.revision != revision:
        there = f"is at revision {base.revision}" if base.revision else "does not exist"
        raise RevisionConflict(f"file {file_id} {there}, {revision} is expected")
    return base


def _base_of(stored: Stored | None) -> Base:
    if stored is None:
        return _NOTHING
    return Base(
        rev=stored.rev,
        revision=stored.revision,
        names=frozenset(names_of(stored.living)),
        entry_id=stored.entry_id,
    )
