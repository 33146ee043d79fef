"""The documents of analytics: of each scope one per month, and one with the sums of its months.

A scope is an owner, a tenant or all. Months are listed by tenant, month and owner, or by month and tenant, so that the
parts of a sum are found together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from files_service.core import Core
from files_service.domain.accounts import tenant_of
from files_service.domain.analytics import Tallies, merged
from files_service.services.files import require
from storage_adapters import Document, DocumentKey, DocumentQuery, SupportsDocuments

COLLECTION = "analytics"
# Beside the days of a month of an owner, and the months of its sum: what was taken in other months, by month and kind.
CAPTURED = "captured"
# No tenant is called so.
_TENANTS, _SUMS = "*", "="
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Scope:
    """The files that are counted together. ``group`` is the scope whose sum they are part of, None for that of all."""

    name: str
    kind: str

    @property
    def key(self) -> str:
        """A short name, also for owners with long ones."""
        return hashlib.sha256(f"{self.kind}:{self.name}".encode()).hexdigest()[:32]

    @property
    def group(self) -> Scope | None:
        """The scope above."""
        if self.kind == "owner":
            return of_tenant(tenant_of(self.name))
        return ALL if self.kind == "tenant" else None

    def order(self, month: str) -> str:
        """Return the order key of a month."""
        listed = {"owner": f"{tenant_of(self.name)}/{month}/", "tenant": f"{_TENANTS}/{month}/"}
        return listed.get(self.kind, _SUMS) + self.key

    def members(self, month: str) -> str:
        """Return the prefix under which the months of the parts are listed."""
        return f"{_TENANTS}/{month}/" if self.kind == "all" else f"{self.name}/{month}/"


ALL = Scope("", "all")


def of_owner(owner: str) -> Scope:
    """Return the scope of an owner."""
    return Scope(owner, "owner")


def of_tenant(tenant: str) -> Scope:
    """Return the scope of a tenant."""
    return Scope(tenant, "tenant")


def month_document(scope: Scope, month: str) -> Document:
    """Return an empty document of a month."""
    return Document(
        collection=COLLECTION,
        document_id=f"{scope.key}.{month}",
        body={"scope": scope.kind, "name": scope.name, "month": month, "days": {}},
        order=scope.order(month),
        updated_at=0,
    )


def sum_document(scope: Scope) -> Document:
    """Return an empty document of the sums of months."""
    return Document(
        collection=COLLECTION,
        document_id=f"{scope.key}.sum",
        body={"scope": scope.kind, "name": scope.name, "months": {}},
        order=_SUMS,
        updated_at=0,
    )


def read(core: Core, documents: Sequence[Document]) -> list[Document]:
    """Return the stored form of these documents, in order; those that are not stored as they are."""
    keys = [DocumentKey(each.collection, each.document_id) for each in documents]
    found = require(core.metadata, SupportsDocuments).stored_documents(keys)
    return [
        held if held is not None and not held.deleted else each for each, held in zip(documents, found, strict=True)
    ]


def listed(core: Core, prefix: str) -> list[Document]:
    """Return the months that are listed under a prefix."""
    query = DocumentQuery(collection=COLLECTION, prefix=prefix, limit=_PAGE)
    return list(require(core.metadata, SupportsDocuments).walk_documents(query, now=core.clock()))


def tallies_in(body: Mapping[str, Any], name: str) -> dict[str, tuple[int, int]]:
    """Return the days or months in a body as tallies with the day or month before each key."""
    return {
        f"{when} {key}": (count, size) for when, tallies in body[name].items() for key, (count, size) in tallies.items()
    }


def without_time(tallies: Tallies) -> dict[str, tuple[int, int]]:
    """Return the sum of tallies that have a day or month before each key."""
    return merged({key.partition(" ")[2]: tally} for key, tally in tallies.items())


def counted_days(core: Core) -> Iterator[tuple[str, list[str]]]:
    """Yield the owners with counts, and the days of a month for which they have some."""
    query = DocumentQuery(collection=COLLECTION, limit=_PAGE)
    for document in require(core.metadata, SupportsDocuments).walk_documents(query, now=core.clock()):
        if document.body["scope"] == "owner" and "days" in document.body:
            yield document.body["name"], list(document.body["days"])
