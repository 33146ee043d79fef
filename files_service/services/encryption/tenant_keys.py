"""Keys of tenants, kept as documents, wrapped by the installation's key ring."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

from files_service.domain.chunking import domain_of_key
from files_service.domain.uploads import owner_segment
from files_service.runtime.recent import Recent
from files_service.services.encryption.key_ring import KeyRing
from files_service.services.encryption.owners import KEYS, assign_owner, tenant_of
from storage_adapters import (
    KEY_BYTES,
    Document,
    DocumentNotFound,
    DocumentQuery,
    KeyUnavailable,
    NamedKey,
    NameTaken,
    RevisionConflict,
    SupportsDocuments,
    TenantKeys,
)

# A key that was deleted is used no longer than this.
CACHE_MS = 1_000


class StoredTenantKeys(TenantKeys):
    """Keys by tenant: a tenant's first blob makes its key. Safe for several threads and processes.

    The first segment of a blob's key stands for its owner, or for the domain of a chunk; ``assign_owner`` says of which
    tenant that one is. The key of the tenant "" is also that of all other owners.
    """

    def __init__(
        self, documents: SupportsDocuments, ring: KeyRing, *, clock: Callable[[], int], timer: Callable[[], int]
    ) -> None:
        self._documents = documents
        self._ring = ring
        self._clock = clock
        self._by_owner: Recent[str, NamedKey] = Recent(CACHE_MS, timer=timer)
        self._by_name: Recent[str, NamedKey] = Recent(CACHE_MS, timer=timer)
        self._domains: Recent[str, str] = Recent(CACHE_MS, timer=timer)

    @property
    def wrapped_by(self) -> str:
        """The name of the key of the ring that wraps new keys."""
        return self._ring.current

    def current(self, key: str) -> NamedKey:
        """See ``TenantKeys``."""
        owner = key.partition("/")[0]
        return self._by_owner.get(owner, lambda: self._of_owner(owner))

    def find(self, name: str) -> NamedKey:
        """See ``TenantKeys``."""
        return self._by_name.get(name, lambda: self._of_name(name))

    def domain(self, owner_segment: str) -> str:
        """Return the domain of the chunks that an owner stores from now on, "" for its own.

        Owners of one tenant share one for as long as the tenant has one key; an owner of no tenant shares none.
        """
        return self._domains.get(owner_segment, lambda: self._domain(owner_segment))

    def delete(self, tenant: str) -> bool:
        """Delete the keys of a tenant: its bytes cannot be read any more. Return False when there was none."""
        found = list(self._of_tenant(tenant))
        for document in found:
            self._documents.delete_document(
                KEYS, document.document_id, expected_revision=document.revision, deleted_at=self._clock()
            )
        self._by_owner.clear()
        self._by_name.clear()
        self._domains.clear()
        return bool(found)

    def rotate(self) -> Iterator[str]:
        """Wrap every key anew that another than the current key of the ring wraps; yield the names of those keys.

        Stopping anywhere is harmless: a repetition continues. Raises KeyUnavailable.
        """
        for document in self._all():
            name = str(document.body["wrapped_by"])
            if name == self._ring.current:
                continue
            key = self._ring.unwrap(name, str(document.body["key"]))
            body = {**document.body, "key": self._ring.wrap(key), "wrapped_by": self._ring.current}
            changed = replace(document, body=body, updated_at=self._clock())
            # A key that was deleted or rotated meanwhile needs nothing more.
            with suppress(RevisionConflict):
                self._documents.put_document(changed, expected_revision=document.revision)
                yield document.document_id

    def check(self) -> Iterator[tuple[str, str]]:
        """Yield the name of the key that wraps each key of a tenant, and why this cannot be opened, "" if it can."""
        for document in self._all():
            fault = ""
            try:
                self._opened(document)
            except KeyUnavailable as error:
                fault = str(error)
            yield str(document.body["wrapped_by"]), fault

    def _of_owner(self, owner: str) -> NamedKey:
        tenant = tenant_of(self._documents, owner, now=self._clock())
        return self._opened(self._current(tenant or ""))

    def _domain(self, owner: str) -> str:
        tenant = tenant_of(self._documents, owner, now=self._clock())
        if tenant is None:
            return ""
        domain = domain_of_key(self._current(tenant).document_id)
        # Before the first of its chunks is stored.
        assign_owner(self._documents, owner_segment(domain), tenant, now=self._clock())
        return domain

    def _current(self, tenant: str) -> Document:
        while True:
            try:
                return self._documents.resolve_document(KEYS, _name_of(tenant), now=self._clock())
            except DocumentNotFound:
                self._make(tenant)

    def _of_name(self, name: str) -> NamedKey:
        try:
            return self._opened(self._documents.get_document(KEYS, name, now=self._clock()))
        except DocumentNotFound:
            raise KeyUnavailable(f"the key {name} of these bytes was deleted") from None

    def _make(self, tenant: str) -> None:
        body = {
            "tenant": tenant,
            "key": self._ring.wrap(secrets.token_bytes(KEY_BYTES)),
            "wrapped_by": self._ring.current,
        }
        document = Document(
            collection=KEYS,
            document_id=secrets.token_hex(16),
            body=body,
            order=tenant,
            names=(_name_of(tenant),),
            updated_at=self._clock(),
        )
        try:
            self._documents.put_document(document, expected_revision=0)
        except (NameTaken, RevisionConflict):
            # Another process was faster.
            return

    def _opened(self, document: Document) -> NamedKey:
        key = self._ring.unwrap(str(document.body["wrapped_by"]), str(document.body["key"]))
        return NamedKey(document.document_id, key)

    def _of_tenant(self, tenant: str) -> Iterator[Document]:
        return (document for document in self._all() if document.body["tenant"] == tenant)

    def _all(self) -> Iterator[Document]:
        return self._documents.walk_documents(DocumentQuery(collection=KEYS), now=self._clock())


def _name_of(tenant: str) -> str:
    return f"tenant:{tenant}"
