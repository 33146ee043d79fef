"""What the contracts of documents have in common: documents, how they are put, and what must follow from them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from storage_adapters import (
    DIGEST_BUCKETS,
    DigestBucket,
    Document,
    DocumentChange,
    DocumentNotFound,
    DocumentQuery,
    MetadataStore,
    SupportsChanges,
    SupportsDocuments,
    document_bucket,
    document_halves,
    document_to_text,
)
from tests.contract.blob_scenes import in_threads

T = TypeVar("T")

NOW = 1_700_000_000_000
# In the order of their UTF-8 bytes, which is that of no locale.
ORDERS = [
    "",
    "\0",
    "\0\0",
    "\0a",
    " ",
    "10",
    "9",
    "A",
    "Z",
    "a",
    "a\0",
    "a\0b",
    "aa",
    "b",
    "é",
    "ß",
    "\uffff",
    "\U0001f3a5",
]
ORDERS.sort(key=str.encode)


class DocumentStore(MetadataStore, SupportsChanges, SupportsDocuments):
    """A store under the contracts of documents."""


def make_document(document_id: str = "d1", **fields: Any) -> Document:
    values: dict[str, Any] = {"collection": "accounts", "body": {"name": "Ann"}, "updated_at": NOW}
    return Document(document_id=document_id, **{**values, **fields})


def put(store: SupportsDocuments, document: Document, **changes: Any) -> Document:
    """Put the next state of a document that was stored, or a new one."""
    return store.put_document(replace(document, **changes), expected_revision=document.revision)


def delete(store: SupportsDocuments, document: Document, now: int = NOW) -> Document:
    return store.delete_document(*document.key, expected_revision=document.revision, deleted_at=now)


def is_absent(store: SupportsDocuments, document: Document, now: int = NOW) -> bool:
    try:
        store.get_document(*document.key, now=now)
    except DocumentNotFound:
        return True
    return False


def bearer(store: SupportsDocuments, name: str, now: int = NOW, collection: str = "accounts") -> str | None:
    """The id of the document that bears a name."""
    try:
        return store.resolve_document(collection, name, now=now).document_id
    except DocumentNotFound:
        return None


def walk(store: SupportsDocuments, query: DocumentQuery, now: int = NOW) -> list[Document]:
    """All documents of a query, page by page; every step gets on, so that the walk ends."""
    found: list[Document] = []
    while True:
        page = store.find_documents(query, now=now)
        assert len(page.documents) <= query.limit
        found += page.documents
        if page.next_position is None:
            return found
        assert page.next_position != query.after
        query = replace(query, after=page.next_position)


def told(store: SupportsChanges) -> list[Document]:
    """What the feed tells of documents."""
    changes = store.changes(after="", limit=1_000_000)
    return [change.document for change in changes if isinstance(change, DocumentChange)]


def at_once(count: int, work: Callable[[int], T]) -> list[T]:
    """Do something in so many threads at once; none of them may raise."""
    done = []
    for result in in_threads(count, work):
        if isinstance(result, Exception):
            raise result
        done.append(result)
    return done


def assert_documents(store: SupportsDocuments, *documents: Document, now: int = NOW) -> None:
    """Everything that the store answers follows from these documents, and from nothing else."""
    assert isinstance(store, SupportsChanges)
    assert isinstance(store, SupportsDocuments)
    by_key = {document.key: document for document in documents}
    members: dict[int, list[Document]] = defaultdict(list)
    for document in documents:
        assert store.get_document(*document.key, now=now) == document
        members[document_bucket(document.key)].append(document)
        for name in document.names:
            assert store.resolve_document(document.collection, name, now=now) == document
    digest = store.document_digest()
    assert len(digest) == DIGEST_BUCKETS
    for bucket in range(DIGEST_BUCKETS):
        halves = [document_halves(document_to_text(document)) for document in members[bucket]]
        assert digest[bucket] == DigestBucket(
            files=len(halves), high=sum(high for high, _ in halves), low=sum(low for _, low in halves)
        )
        if members[bucket]:
            found = {document.key: document for document in store.bucket_documents(bucket)}
            assert found == {document.key: document for document in members[bucket]}
    once_told = {document.collection for document in told(store)} | {"accounts", "sessions"}
    for collection in once_told | {document.collection for document in documents}:
        mine = [document for document in documents if document.collection == collection]
        mine.sort(key=lambda document: (document.order.encode(), document.document_id.encode()))
        for descending in (False, True):
            query = DocumentQuery(collection=collection, descending=descending, limit=7)
            assert walk(store, query, now) == (mine[::-1] if descending else mine)
    latest = {document.key: document for document in told(store)}
    for key, document in latest.items():
        assert by_key.get(key) == (None if document.deleted else document)
