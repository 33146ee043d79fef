"""Access to the documents of accounts: load, decide and save, as for records of files."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

from files_service.core import Core
from files_service.errors import Conflict, NotSupported
from storage_adapters import Document, DocumentNotFound, DocumentQuery, RevisionConflict, SupportsDocuments

T = TypeVar("T")

MAX_RACES = 50
ACCOUNTS, TENANTS, ROSTERS = "accounts", "tenants", "rosters"
SESSIONS, KEYS, INVITES, FAILURES = "sessions", "api_keys", "invites", "sign_in_failures"
# Collections of what owners have beside files, in the order of ``owner_segment``. Their packages stand above this one.
OF_OWNERS = ("shares", "folders", "trashed_folders", "notice_channels", "inboxes", "cards")

# Raised by the reading of a document that another version of the service wrote, or that is damaged.
UNREADABLE = (KeyError, ValueError, TypeError, AttributeError)

# Decides from the document that is there, None without one; returns the document to store, or None to store nothing.
Decide = Callable[[Document | None], Document | None]


def documents_of(core: Core) -> SupportsDocuments:
    """Return the store of documents. Raises NotSupported."""
    if not isinstance(core.metadata, SupportsDocuments):
        raise NotSupported("the configured store does not support Documents", {"capability": "Documents"})
    return core.metadata


def find(core: Core, collection: str, document_id: str) -> Document | None:
    """Return a document, None when there is none."""
    try:
        return documents_of(core).get_document(collection, document_id, now=core.clock())
    except DocumentNotFound:
        return None


def find_by_name(core: Core, collection: str, name: str) -> Document | None:
    """Return the document with a unique name, None when there is none."""
    try:
        return documents_of(core).resolve_document(collection, name, now=core.clock())
    except DocumentNotFound:
        return None


def put(core: Core, document: Document) -> Document:
    """Store a document over the revision that it was loaded with. Raises RevisionConflict, NameTaken."""
    stored = replace(document, updated_at=core.clock())
    return documents_of(core).put_document(stored, expected_revision=document.revision)


def change(core: Core, collection: str, document_id: str, decide: Decide) -> Document | None:
    """Load, decide, save; after a lost race decide again. Returns the document as stored, None without one.

    Raises Conflict after too many lost races, and the errors of ``decide``.
    """
    for attempt in range(MAX_RACES):
        before = find(core, collection, document_id)
        after = decide(before)
        if after is None or after == before:
            return before
        try:
            return put(core, after)
        except RevisionConflict:
            core.back_off(attempt)
    raise Conflict("too many concurrent changes", {"collection": collection})


def delete(core: Core, document: Document) -> bool:
    """Delete a document; return False when another caller was faster to change or delete it."""
    try:
        documents_of(core).delete_document(
            document.collection,
            document.document_id,
            expected_revision=document.revision,
            deleted_at=core.clock(),
        )
    except RevisionConflict:
        return False
    return True


def walk(core: Core, collection: str, prefix: str) -> Iterator[Document]:
    """Return all documents whose order key begins with a prefix."""
    return documents_of(core).walk_documents(DocumentQuery(collection=collection, prefix=prefix), now=core.clock())


def readable(
    found: Iterable[Document], parse: Callable[[Document], T], on_unreadable: Callable[[str, Exception], None]
) -> Iterator[T]:
    """Yield what documents say, and tell of those that cannot be read: they keep no others back."""
    for document in found:
        try:
            yield parse(document)
        except UNREADABLE as error:
            on_unreadable(document.document_id, error)


def new_document(collection: str, document_id: str, body: dict[str, Any], **keys: Any) -> Document:
    """Make a document that is not stored yet."""
    return Document(collection=collection, document_id=document_id, body=body, updated_at=0, **keys)


def new_secret(prefix: str = "") -> str:
    """Make a secret of 256 bits."""
    return prefix + secrets.token_urlsafe(32)


def hash_of(secret: str) -> str:
    """Return the form in which a secret is stored: it has 256 bits of chance, so one hash is enough."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()
