"""The identity behind a token, and the standing of an owner: looked up, and reused for less than half a second."""

from __future__ import annotations

from files_service.core import Core
from files_service.domain.identity import KEY_PREFIX, Identity
from files_service.errors import Forbidden, Unauthorized
from files_service.services.accounts import documents
from files_service.services.accounts.account import Account, account_by_id, find_account
from files_service.services.accounts.documents import KEYS, SESSIONS, hash_of
from files_service.services.accounts.keys import note_use
from files_service.services.accounts.sessions import touch
from storage_adapters import Document, SupportsDocuments


def find_identity(core: Core, token: str) -> Identity | None:
    """Return the identity that a session's token or an API key proves now, None when it proves none."""
    key = hash_of(token)
    return core.identities.get(key, lambda: _look_up(core, token, key))


def recent_identity(core: Core, token: str) -> tuple[Identity | None] | None:
    """Return what was found for a token a moment ago, alone in a tuple, None without it; does not ask the store."""
    return core.identities.recent(hash_of(token))


def identify(core: Core, token: str) -> Identity:
    """Return the identity that a token proves. Raises Unauthorized."""
    identity = find_identity(core, token)
    if identity is None:
        raise Unauthorized("the session or key has ended", {"fields": {"Authorization": ["Sign in again."]}})
    return identity


def session_of(core: Core, token: str, *, fresh: bool = False) -> Identity:
    """Return the identity of a session, with ``fresh`` of one whose password was given in the last 15 minutes.

    Raises Unauthorized, and Forbidden for an API key and for a session that is not fresh.
    """
    identity = identify(core, token)
    if not identity.is_session:
        raise Forbidden("an API key cannot do this: sign in")
    if fresh and not identity.is_fresh(core.clock()):
        raise Forbidden("sign in again to do this", {"sign_in": "fresh"})
    return identity


def is_closed(core: Core, owner: str) -> bool:
    """Return True for an owner whose account is disabled: nobody else reads its files then."""
    return core.closed_owners.get(owner, lambda: _is_disabled(core, owner))


def _is_disabled(core: Core, owner: str) -> bool:
    account = find_account(core, owner) if isinstance(core.metadata, SupportsDocuments) else None
    return account is not None and account.disabled_at is not None


def _look_up(core: Core, token: str, key: str) -> Identity | None:
    collection = KEYS if token.startswith(KEY_PREFIX) else SESSIONS
    document = documents.find(core, collection, key)
    account = account_by_id(core, document.body["account_id"]) if document is not None else None
    if document is None or account is None or account.disabled_at is not None:
        return None
    return _of_key(core, document, account) if collection == KEYS else _of_session(core, document, account)


def _of_session(core: Core, document: Document, account: Account) -> Identity | None:
    if document.body["epoch"] != account.epoch:
        return None
    document = touch(core, document)
    return Identity(
        account_id=account.account_id,
        owner=account.owner,
        tenant=account.tenant,
        role=account.role,
        credential_id=document.body["session_id"],
        expires_at=document.expires_at,
        signed_in_at=document.body["created_at"],
    )


def _of_key(core: Core, document: Document, account: Account) -> Identity:
    note_use(core, document)
    return Identity(
        account_id=account.account_id,
        owner=account.owner,
        tenant=account.tenant,
        role=account.role,
        credential_id=document.body["key_id"],
        expires_at=document.expires_at,
        scopes=frozenset(document.body["scopes"]),
        folder=document.body["folder"],
    )
