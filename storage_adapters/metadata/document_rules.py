"""The rules of ``SupportsDocuments``, once for all stores, over a few operations that each store does in its own way.

Every write is decided from what is stored, and carried out only while exactly that is stored.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from storage_adapters.errors import DocumentNotFound, NameTaken, RevisionConflict, StorageUnavailable
from storage_adapters.ports.document_codec import check_document, is_key
from storage_adapters.ports.documents import (
    Document,
    DocumentKey,
    DocumentPage,
    DocumentPosition,
    DocumentQuery,
    SupportsDocuments,
    next_revision,
    tombstone_of,
)

_MOST_ROUNDS = 100
_BATCH = 100


@dataclass(frozen=True, slots=True)
class Held:
    """The document stored under a key, and the adapter's own form of it to compare with."""

    document: Document | None
    token: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """The replacement of what is held by ``new``, None for nothing; a copy is not ``announced``."""

    key: DocumentKey
    held: Held
    new: Document | None
    announced: bool = False

    @property
    def before(self) -> Document | None:
        """The document that order, names and digest describe before the move."""
        return None if self.held.document is None or self.held.document.deleted else self.held.document

    @property
    def after(self) -> Document | None:
        """The document that order, names and digest describe after the move."""
        return None if self.new is None or self.new.deleted else self.new


class DocumentRules(SupportsDocuments):
    """Base of each adapter's documents, which adds the underscored operations."""

    @abstractmethod
    def _held_documents(self, keys: Sequence[DocumentKey]) -> list[Held]:
        """Read what is stored, in order."""

    @abstractmethod
    def _move_documents(self, moves: Sequence[Move]) -> list[bool]:
        """Carry out each move whose key still has what it holds, wholly or not at all; return which were.

        Announced moves come alone, enter the feed, and raise NameTaken when another document has a name.
        """

    @abstractmethod
    def _listed_documents(self, query: DocumentQuery, limit: int) -> list[Document]:
        """Read up to ``limit`` documents of a query, whether they have expired or not."""

    @abstractmethod
    def _name_holders(self, collection: str, name: str) -> list[str]:
        """Read the ids of documents that have a name: one, or several while copies are on their way."""

    @abstractmethod
    def _due_documents(self, now: int, limit: int, *, deleted: bool) -> list[DocumentKey]:
        """Read keys of documents, or of tombstones, whose ``expires_at`` is not later than ``now``, oldest first."""

    def get_document(self, collection: str, document_id: str, *, now: int) -> Document:
        """See ``SupportsDocuments``."""
        if is_key(collection, document_id):
            found = self._held_documents([DocumentKey(collection, document_id)])[0].document
            if found is not None and found.is_visible(now):
                return found
        raise DocumentNotFound(f"no document {document_id!r} in {collection}")

    def resolve_document(self, collection: str, name: str, *, now: int) -> Document:
        """See ``SupportsDocuments``."""
        if is_key(collection, name[:1]):
            keys = [DocumentKey(collection, document_id) for document_id in self._name_holders(collection, name)]
            for found in self.stored_documents(keys):
                if found is not None and found.is_visible(now) and name in found.names:
                    return found
        raise DocumentNotFound(f"no document of {collection} has this name")

    def put_document(self, document: Document, *, expected_revision: int) -> Document:
        """See ``SupportsDocuments``."""
        document, now = check_document(document), document.updated_at
        for _ in range(_MOST_ROUNDS):
            held = self._expect_document(document.key, expected_revision, now)
            new = next_revision(held.document, document)
            try:
                if self._move_documents([Move(key=document.key, held=held, new=new, announced=True)])[0]:
                    return new
            except NameTaken as taken:
                if self._bears_name(DocumentKey(document.collection, taken.file_id), taken.name, now):
                    raise
        raise StorageUnavailable(f"too many writers of document {document.document_id!r}")

    def delete_document(
        self, collection: str, document_id: str, *, expected_revision: int, deleted_at: int
    ) -> Document:
        """See ``SupportsDocuments``."""
        if not expected_revision or not is_key(collection, document_id):
            raise RevisionConflict(f"there is no document {document_id!r} of revision {expected_revision}")
        key = DocumentKey(collection, document_id)
        for _ in range(_MOST_ROUNDS):
            held = self._expect_document(key, expected_revision, deleted_at)
            assert held.document is not None
            tombstone = tombstone_of(held.document, deleted_at)
            if self._move_documents([Move(key=key, held=held, new=tombstone, announced=True)])[0]:
                return tombstone
        raise StorageUnavailable(f"too many writers of document {document_id!r}")

    def find_documents(self, query: DocumentQuery, *, now: int) -> DocumentPage:
        """See ``SupportsDocuments``."""
        rest = _rest_of(query) if is_key(query.collection, "0") else None
        if rest is None:
            return DocumentPage(documents=(), next_position=None)
        listed = self._listed_documents(rest, query.limit + 1)
        page, last = listed[: query.limit], listed[query.limit - 1 : query.limit]
        more = len(listed) > query.limit
        return DocumentPage(
            documents=tuple(document for document in page if document.is_visible(now)),
            next_position=DocumentPosition(last[0].order, last[0].document_id) if more else None,
        )

    def expire_documents(self, *, now: int, limit: int) -> int:
        """See ``SupportsDocuments``."""
        return sum([self._expire_document(key, now) for key in self._due_documents(now, limit, deleted=False)])

    def forget_documents(self, *, now: int, limit: int) -> int:
        """See ``SupportsDocuments``."""
        keys = self._due_documents(now, limit, deleted=True)
        moves = [
            Move(key=key, held=each, new=None)
            for key, each in zip(keys, self._held_documents(keys), strict=True)
            if each.document is not None and each.document.deleted and (each.document.expires_at or 0) <= now
        ]
        return sum(self._move_documents(moves))

    def replicate_documents(self, copies: Sequence[Document], *, force: bool = False) -> list[bool]:
        """See ``SupportsDocuments``."""

        def is_wanted(stored: Document | None, copy: Document | None) -> bool:
            assert copy is not None
            return stored is None or (stored != copy if force else stored.revision < copy.revision)

        stored: set[DocumentKey] = set()
        for start in range(0, len(copies), _BATCH):
            batch: dict[DocumentKey, Document | None] = {copy.key: copy for copy in copies[start : start + _BATCH]}
            stored |= self._bring_documents(batch, is_wanted)
        return [copy.key in stored for copy in copies]

    def discard_documents(self, keys: Sequence[DocumentKey]) -> int:
        """See ``SupportsDocuments``."""
        return len(self._bring_documents(dict.fromkeys(keys), lambda stored, _: stored is not None))

    def stored_documents(self, keys: Sequence[DocumentKey]) -> list[Document | None]:
        """See ``SupportsDocuments``."""
        return [held.document for held in self._held_documents(keys)]

    def _expect_document(self, key: DocumentKey, revision: int, now: int) -> Held:
        """Read what is about to change."""
        held = self._held_documents([key])[0]
        visible = held.document is not None and held.document.is_visible(now)
        stored = held.document.revision if visible and held.document is not None else 0
        if stored != revision:
            raise RevisionConflict(f"document {key.document_id!r} is at revision {stored}, not {revision}")
        return held

    def _bears_name(self, key: DocumentKey, name: str, now: int) -> bool:
        """Return True when a document is visible and holds a name; an expired one is removed, which frees its names."""
        self._expire_document(key, now)
        stored = self._held_documents([key])[0].document
        return stored is not None and stored.is_visible(now) and name in stored.names

    def _expire_document(self, key: DocumentKey, now: int) -> bool:
        """Turn an expired document into a tombstone; return True when that was done."""
        held = self._held_documents([key])[0]
        if held.document is None or held.document.deleted or held.document.is_visible(now):
            return False
        return self._move_documents([Move(key=key, held=held, new=tombstone_of(held.document, now), announced=True)])[0]

    def _bring_documents(
        self,
        wanted: Mapping[DocumentKey, Document | None],
        is_wanted: Callable[[Document | None, Document | None], bool],
    ) -> set[DocumentKey]:
        """Write these states of documents where they are newer; return the keys of those written."""
        written: set[DocumentKey] = set()
        open_keys = list(wanted)
        for _ in range(_MOST_ROUNDS):
            if not open_keys:
                return written
            held = zip(open_keys, self._held_documents(open_keys), strict=True)
            moves = [
                Move(key=key, held=each, new=wanted[key]) for key, each in held if is_wanted(each.document, wanted[key])
            ]
            done = {move.key for move, moved in zip(moves, self._move_documents(moves), strict=True) if moved}
            written |= done
            open_keys = [move.key for move in moves if move.key not in done]
        raise StorageUnavailable(f"{len(open_keys)} documents were changed by other writers in every attempt")


def _rest_of(query: DocumentQuery) -> DocumentQuery | None:
    """Return the query with its position within its bounds, None when nothing can lie behind it."""
    first, end = (None if bound is None else bound.encode() for bound in query.bounds)
    assert first is not None
    if end is not None and first >= end:
        return None
    if query.after is None:
        return query
    order = query.after.order.encode()
    below, above = order < first, end is not None and order >= end
    if below if query.descending else above:
        return None
    return replace(query, after=None) if below or above else query
