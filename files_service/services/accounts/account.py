"""The account document: its form, its names, and changes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from files_service.core import Core
from files_service.domain.accounts import Role, owner_of_name
from files_service.errors import Conflict, NotFound
from files_service.services.accounts import documents
from files_service.services.accounts.documents import ACCOUNTS
from storage_adapters import JSON, Document, NameTaken


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A person. ``epoch`` ends all sessions that were begun before it was raised."""

    account_id: str
    name: str
    tenant: str
    role: Role
    created_at: int
    password: str | None = None
    password_at: int | None = None
    # The request that set it, None for one without an id.
    password_request: str | None = None
    disabled_at: int | None = None
    # Deleted, and may come back until it is erased.
    deleted_at: int | None = None
    erased_at: int | None = None
    epoch: int = 0
    # The one-time link that sets a password: {hash, expires_at}.
    reset: Mapping[str, Any] | None = None
    # The second factor: {secret, counter, confirmed, recovery}.
    totp: Mapping[str, Any] | None = None
    invite_id: str | None = None
    # The request that made it, None for one without an id.
    request: str | None = None
    # None: that of the settings.
    quota_bytes: int | None = None
    document: Document | None = field(default=None, repr=False, compare=False)

    @property
    def owner(self) -> str:
        """The owner string of the account's files, which never changes."""
        return owner_of_name(self.name, self.tenant)

    @property
    def has_totp(self) -> bool:
        """State of the second factor: True once it was confirmed."""
        return bool(self.totp and self.totp["confirmed"])

    def shown(self) -> JSON:
        """Return what callers see: no secret."""
        return {
            "account_id": self.account_id,
            "name": self.name,
            "tenant": self.tenant,
            "owner": self.owner,
            "role": self.role.value,
            "disabled": self.disabled_at is not None,
            "deleted_at": self.deleted_at,
            "has_password": self.password is not None,
            "totp": self.has_totp,
            "quota_bytes": self.quota_bytes or 0,
            "created_at": self.created_at,
        }


_FIELDS = (
    "name",
    "tenant",
    "created_at",
    "password",
    "password_at",
    "password_request",
    "disabled_at",
    "deleted_at",
    "erased_at",
    "epoch",
    "reset",
    "totp",
    "invite_id",
    "request",
    "quota_bytes",
)


def account_of_document(document: Document) -> Account:
    """Read a stored account."""
    values = {name: document.body[name] for name in _FIELDS if name in document.body}
    return Account(account_id=document.document_id, role=Role(document.body["role"]), document=document, **values)


def _document_of(account: Account) -> Document:
    body = {name: getattr(account, name) for name in _FIELDS} | {"role": account.role.value}
    before = account.document
    if before is not None:
        return replace(before, body={**before.body, **body})
    order = f"{account.tenant}/{account.name}"
    return documents.new_document(ACCOUNTS, account.account_id, body, order=order, names=(account.owner,))


def find_account(core: Core, owner: str) -> Account | None:
    """Return the account of an owner, None when there is none."""
    document = documents.find_by_name(core, ACCOUNTS, owner) if owner else None
    return account_of_document(document) if document is not None else None


def account_by_id(core: Core, account_id: str) -> Account | None:
    """Return an account by id, None when there is none."""
    document = documents.find(core, ACCOUNTS, account_id)
    return account_of_document(document) if document is not None else None


def require_account(core: Core, owner: str) -> Account:
    """Return the account of an owner. Raises NotFound."""
    account = find_account(core, owner)
    if account is None:
        raise no_such_account(owner)
    return account


def no_such_account(owner: str) -> NotFound:
    """Make the error of an owner without an account."""
    return NotFound("there is no such account", {"owner": owner})


def add_account(core: Core, account: Account) -> Account:
    """Store a new account. Raises Conflict when its name is taken."""
    try:
        return account_of_document(documents.put(core, _document_of(account)))
    except NameTaken as error:
        raise Conflict("the name is taken", {"field": "name"}) from error


def change_account(core: Core, account_id: str, decide: Callable[[Account], Account]) -> Account:
    """Load, decide, save. Raises NotFound, Conflict, and the errors of ``decide``."""

    def on_document(before: Document | None) -> Document:
        if before is None:
            raise NotFound("there is no such account")
        return _document_of(decide(account_of_document(before)))

    stored = documents.change(core, ACCOUNTS, account_id, on_document)
    assert stored is not None
    return account_of_document(stored)


def owners_of_tenant(core: Core, tenant: str) -> Iterator[str]:
    """Yield the owner strings of a tenant's accounts."""
    for document in documents.walk(core, ACCOUNTS, f"{tenant}/"):
        yield account_of_document(document).owner


def accounts_exist(core: Core) -> bool:
    """Return True when there is any account."""
    return next(documents.walk(core, ACCOUNTS, ""), None) is not None
