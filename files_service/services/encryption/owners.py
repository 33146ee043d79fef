"""The documents of encryption, and the tenants of owners; these are kept whether encryption is on or not."""

from __future__ import annotations

from storage_adapters import (
    Document,
    DocumentNotFound,
    DocumentQuery,
    MetadataStore,
    RevisionConflict,
    SupportsDocuments,
)

KEYS, OWNERS = "tenant_keys", "owner_tenants"


def assign_owner(documents: SupportsDocuments, owner_segment: str, tenant: str, *, now: int) -> None:
    """Say of which tenant an owner is, before its first blob is stored. Doing it again is harmless.

    Raises RevisionConflict when the owner is of another tenant already.
    """
    document = Document(collection=OWNERS, document_id=owner_segment, body={"tenant": tenant}, updated_at=now)
    try:
        documents.put_document(document, expected_revision=0)
    except RevisionConflict:
        if documents.get_document(OWNERS, owner_segment, now=now).body["tenant"] != tenant:
            raise


def tenant_of(documents: SupportsDocuments, owner_segment: str, *, now: int) -> str | None:
    """Return the tenant of an owner; None for an owner of none, whose bytes the key of the tenant "" encrypts."""
    try:
        return str(documents.get_document(OWNERS, owner_segment, now=now).body["tenant"])
    except DocumentNotFound:
        return None


def has_keys(metadata: MetadataStore, *, now: int) -> bool:
    """Return True when a tenant has a key, so that bytes may be encrypted."""
    if not isinstance(metadata, SupportsDocuments):
        return False
    return bool(metadata.find_documents(DocumentQuery(collection=KEYS, limit=1), now=now).documents)
