"""Documents: what the service keeps beside files, as JSON objects in named collections. Values, limits and the port.

1. A document has one order key, under which ``find_documents`` lists its collection, and any number of unique names.
   Order keys and ids compare by their UTF-8 bytes; equal order keys by id.
2. Revisions of a document only grow. The first is the time of its first write in milliseconds, each later one is
   greater by 1 at least. So one that is created again after its deletion has a higher revision than it ever had, also
   when its tombstone is forgotten, and no replica goes back.
3. A deleted document leaves a tombstone, with ``deleted`` and the next revision, for ``TOMBSTONE_MS``.
4. A document whose ``expires_at`` has come is gone for all that ask, and its names are free. ``expire_documents``
   turns it into a tombstone, ``forget_documents`` removes tombstones: both in bounded steps, for a sweeper. The time
   is that of the wall clock of the process that asks: a document that is hidden from one whose clock is ahead is there
   for the others. A tombstone is for ever, so a sweeper makes none until a document has been over for a day.
5. Fields that a later version adds to a document are kept in ``unknown`` and written back.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from storage_adapters.ports.digest import DigestBucket

TOMBSTONE_MS = 30 * 24 * 3_600_000

_LAST_CHARACTER = "\U0010ffff"


class DocumentKey(NamedTuple):
    """The name of a document among all."""

    collection: str
    document_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One JSON object and the keys by which it is found. ``revision`` 0 means "never stored"."""

    collection: str
    document_id: str
    body: Mapping[str, Any] = field(default_factory=dict)
    order: str = ""
    names: tuple[str, ...] = ()
    expires_at: int | None = None
    updated_at: int
    revision: int = 0
    deleted: bool = False
    unknown: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> DocumentKey:
        """Collection and id."""
        return DocumentKey(self.collection, self.document_id)

    def is_visible(self, now: int) -> bool:
        """Return True when callers may see the document: it is neither deleted nor expired."""
        return not self.deleted and (self.expires_at is None or self.expires_at > now)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentChange:
    """One entry of the change feed about a document or its tombstone. It announces no event."""

    sequence: str
    document: Document

    @property
    def changed_at(self) -> int:
        """Time of the write."""
        return self.document.updated_at


class DocumentPosition(NamedTuple):
    """A place in the order of a collection: behind the document with this order key and id."""

    order: str
    document_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentQuery:
    """A part of a collection: order keys that begin with ``prefix``, from ``first`` on and before ``end``."""

    collection: str
    prefix: str = ""
    first: str = ""
    end: str | None = None
    descending: bool = False
    limit: int = 100
    after: DocumentPosition | None = None

    @property
    def bounds(self) -> tuple[str, str | None]:
        """The order keys from which and before which the answer lies; None is no bound."""
        ends = [end for end in (self.end, _behind(self.prefix)) if end is not None]
        return max(self.first, self.prefix, key=str.encode), min(ends, key=str.encode, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentPage:
    """Documents in order; ``next_position`` None means that there are no more.

    A page may hold fewer documents than asked for, even none, and still have a next position: some have expired.
    """

    documents: tuple[Document, ...]
    next_position: DocumentPosition | None


class SupportsDocuments(ABC):
    """Store of documents. Each write changes document, order, names, digest and change feed together, or nothing."""

    @abstractmethod
    def get_document(self, collection: str, document_id: str, *, now: int) -> Document:
        """Return a document. Raises DocumentNotFound when there is none, or it is deleted or has expired."""

    @abstractmethod
    def resolve_document(self, collection: str, name: str, *, now: int) -> Document:
        """Return the document of the collection that has the name. Raises DocumentNotFound when none does."""

    @abstractmethod
    def put_document(self, document: Document, *, expected_revision: int) -> Document:
        """Store a document if the visible one has ``expected_revision`` (0 = there is none); return it as stored.

        The time of the write is ``updated_at``; ``revision`` and ``deleted`` are set by the store. Of several
        concurrent writes over one revision exactly one wins. A failed write changes nothing.

        Raises InvalidDocument for what exceeds a limit, RevisionConflict when the visible revision is another,
        NameTaken (kind "name") when another visible document of the collection has one of the names.
        """

    @abstractmethod
    def delete_document(
        self, collection: str, document_id: str, *, expected_revision: int, deleted_at: int
    ) -> Document:
        """Replace a document by its tombstone, which is returned; its names are free.

        Raises RevisionConflict when the visible revision is another, or there is no such document.
        """

    @abstractmethod
    def find_documents(self, query: DocumentQuery, *, now: int) -> DocumentPage:
        """Return one page. A walk to the end returns each document once that was not changed meanwhile."""

    def walk_documents(self, query: DocumentQuery, *, now: int) -> Iterator[Document]:
        """Yield all documents from a query's place on, a page of ``query.limit`` at a time."""
        while True:
            page = self.find_documents(query, now=now)
            yield from page.documents
            if page.next_position is None:
                return
            query = replace(query, after=page.next_position)

    @abstractmethod
    def expire_documents(self, *, now: int, limit: int) -> int:
        """Turn up to ``limit`` documents whose time is over into tombstones, as by a deletion; return how many.

        Only where documents are written: a replica gets the tombstones by copies.
        """

    @abstractmethod
    def forget_documents(self, *, now: int, limit: int) -> int:
        """Remove up to ``limit`` tombstones older than ``TOMBSTONE_MS``, without a change; return how many."""

    @abstractmethod
    def replicate_documents(self, copies: Sequence[Document], *, force: bool = False) -> list[bool]:
        """Store each copy, tombstones too, whose revision is higher than the stored one; return which were.

        There is at most one copy per document. Copies enter no feed, keep their revisions, and are never refused
        because of a name: while several have one, ``resolve_document`` gives any of them. With ``force`` a copy is
        stored whatever stands there; the answer then says whether it differed. Doing it again is harmless.
        """

    @abstractmethod
    def discard_documents(self, keys: Sequence[DocumentKey]) -> int:
        """Remove documents and tombstones that the other store never had, without a trace; return how many."""

    @abstractmethod
    def stored_documents(self, keys: Sequence[DocumentKey]) -> list[Document | None]:
        """Return what is stored under these keys, in order: expired documents and tombstones too, None for nothing."""

    @abstractmethod
    def document_digest(self) -> list[DigestBucket]:
        """Return ``codec.DIGEST_BUCKETS`` buckets of all documents but tombstones; equal lists mean equal documents."""

    @abstractmethod
    def bucket_documents(self, bucket: int) -> Iterator[Document]:
        """Yield every document of one bucket of the digest, tombstones apart, in any order."""

    @abstractmethod
    def document_faults(self) -> list[str]:
        """Return what the store lacks to keep documents, or holds wrongly."""

    @abstractmethod
    def prepare_documents(self) -> None:
        """Add what the store lacks to keep documents. Doing it again is harmless; files are not touched."""

    @abstractmethod
    def withdraw_document_changes(self) -> int:
        """Remove all changes of documents from the feed, for a version that cannot read them; return how many.

        The documents stay.
        """


def tombstone_of(document: Document, deleted_at: int) -> Document:
    """Return what the deletion of a document leaves."""
    return Document(
        collection=document.collection,
        document_id=document.document_id,
        updated_at=deleted_at,
        expires_at=deleted_at + TOMBSTONE_MS,
        revision=document.revision + 1,
        deleted=True,
    )


def next_revision(stored: Document | None, document: Document) -> Document:
    """Return the document with the revision that follows what is stored."""
    revision = max(1, document.updated_at) if stored is None else stored.revision + 1
    if stored is not None and stored.deleted:
        revision = max(revision, document.updated_at)
    return replace(document, revision=revision, deleted=False)


def _behind(prefix: str) -> str | None:
    """Return the first text behind all that begin with a prefix, None when there is none."""
    stem = prefix.rstrip(_LAST_CHARACTER)
    if not stem:
        return None
    following = ord(stem[-1]) + 1
    return stem[:-1] + chr(0xE000 if following == 0xD800 else following)
