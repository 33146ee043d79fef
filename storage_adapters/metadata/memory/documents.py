"""Documents in memory: a dict of them. Everything else is computed when asked for."""

from __future__ import annotations

from _thread import RLock
from abc import abstractmethod
from collections.abc import Iterator, Sequence

from storage_adapters.errors import NameTaken
from storage_adapters.metadata.document_rules import DocumentRules, Held, Move
from storage_adapters.metadata.memory.sums import sum_up
from storage_adapters.ports.digest import DigestBucket
from storage_adapters.ports.document_codec import document_bucket, document_from_text, document_halves, document_to_text
from storage_adapters.ports.documents import Document, DocumentKey, DocumentQuery


class MemoryDocuments(DocumentRules):
    """A dict of documents behind the lock of the store."""

    _lock: RLock

    def __init__(self) -> None:
        super().__init__()
        self._documents: dict[DocumentKey, Document] = {}

    @abstractmethod
    def _append_document(self, document: Document) -> None:
        """Add an entry to the feed of the store."""

    def document_digest(self) -> list[DigestBucket]:
        """See ``SupportsDocuments``."""
        return sum_up((document_bucket(each.key), document_halves(document_to_text(each))) for each in self._living())

    def bucket_documents(self, bucket: int) -> Iterator[Document]:
        """See ``SupportsDocuments``."""
        yield from (copy_document(document) for document in self._living() if document_bucket(document.key) == bucket)

    def document_faults(self) -> list[str]:
        """See ``SupportsDocuments``."""
        return []

    def prepare_documents(self) -> None:
        """See ``SupportsDocuments``."""

    def _held_documents(self, keys: Sequence[DocumentKey]) -> list[Held]:
        with self._lock:
            found = [self._documents.get(key) for key in keys]
        return [Held(document and copy_document(document), document) for document in found]

    def _move_documents(self, moves: Sequence[Move]) -> list[bool]:
        with self._lock:
            return [self._move_one(move) for move in moves]

    def _move_one(self, move: Move) -> bool:
        if self._documents.get(move.key) is not move.held.token:
            return False
        if move.new is None:
            self._documents.pop(move.key, None)
            return True
        if move.announced:
            for name in move.new.names:
                for bearer in self._name_holders(move.key.collection, name):
                    if bearer != move.key.document_id:
                        raise NameTaken("name", name, bearer)
            self._append_document(copy_document(move.new))
        self._documents[move.key] = copy_document(move.new)
        return True

    def _listed_documents(self, query: DocumentQuery, limit: int) -> list[Document]:
        first, end = query.bounds

        def order(document: Document) -> tuple[bytes, bytes]:
            return document.order.encode(), document.document_id.encode()

        found = sorted(
            (
                document
                for document in self._living()
                if document.collection == query.collection
                and document.order.encode() >= first.encode()
                and (end is None or document.order.encode() < end.encode())
            ),
            key=order,
            reverse=query.descending,
        )
        if query.after is not None:
            after = query.after.order.encode(), query.after.document_id.encode()
            found = [each for each in found if (order(each) < after if query.descending else order(each) > after)]
        return [copy_document(document) for document in found[:limit]]

    def _name_holders(self, collection: str, name: str) -> list[str]:
        living = self._living()
        return [each.document_id for each in living if each.collection == collection and name in each.names]

    def _due_documents(self, now: int, limit: int, *, deleted: bool) -> list[DocumentKey]:
        with self._lock:
            documents = list(self._documents.values())
        due = [
            (each.expires_at, each.key)
            for each in documents
            if each.deleted == deleted and each.expires_at is not None and each.expires_at <= now
        ]
        return [key for _, key in sorted(due)[:limit]]

    def _living(self) -> list[Document]:
        with self._lock:
            return [document for document in self._documents.values() if not document.deleted]


def copy_document(document: Document) -> Document:
    """Take what is stored apart from what callers hold, exactly as a store on disk does."""
    return document_from_text(document_to_text(document))
