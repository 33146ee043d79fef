"""Sessions: opaque tokens, of which the store has the hash."""

from __future__ import annotations

from dataclasses import dataclass, replace

from files_service.core import Core
from files_service.domain.identity import SESSION_PREFIX, Identity
from files_service.errors import NotFound
from files_service.services.accounts import documents
from files_service.services.accounts.account import Account, account_by_id, change_account
from files_service.services.accounts.documents import SESSIONS, hash_of, new_secret
from storage_adapters import JSON, Document, RevisionConflict

DAY_MS = 86_400_000
IDLE_MS, LONGEST_MS = 30 * DAY_MS, 90 * DAY_MS
# The last use is written at most this often.
SEEN_MS = 5 * 60 * 1000
MAX_DEVICE = 200
# Of one account: programs that sign in at each run and never sign out would leave as many as they run in 30 days.
MOST_SESSIONS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """The device and address of a person, as the session shows them."""

    device: str = ""
    address: str = ""


def begin_session(core: Core, account: Account, client: Client) -> tuple[str, Document]:
    """Begin a session and return its token, which is nowhere else, and its document."""
    token, now = new_secret(SESSION_PREFIX), core.clock()
    session_id = core.new_id()
    body = {
        "account_id": account.account_id,
        "session_id": session_id,
        "epoch": account.epoch,
        "created_at": now,
        "seen_at": now,
        "device": client.device[:MAX_DEVICE],
        "address": client.address,
    }
    document = documents.new_document(
        SESSIONS,
        hash_of(token),
        body,
        order=f"{account.account_id}/{session_id}",
        names=(session_id,),
        expires_at=now + IDLE_MS,
    )
    begun = documents.put(core, document)
    _end_unused(core, account, but=begun.document_id)
    return token, begun


def _end_unused(core: Core, account: Account, *, but: str) -> None:
    """End the sessions beyond ``MOST_SESSIONS`` that were not used for the longest time."""
    others = [each for each in _sessions_of(core, account.account_id) if each.document_id != but]
    others.sort(key=lambda each: (each.body["epoch"], each.body["seen_at"]))
    for unused in others[: max(0, len(others) + 1 - MOST_SESSIONS)]:
        documents.delete(core, unused)
        core.identities.forget(unused.document_id)


def touch(core: Core, session: Document) -> Document:
    """Note that a session is in use, now and then; its idle time begins anew."""
    now = core.clock()
    if now - session.body["seen_at"] < SEEN_MS:
        return session
    expires_at = min(now + IDLE_MS, session.body["created_at"] + LONGEST_MS)
    try:
        return documents.put(core, replace(session, body={**session.body, "seen_at": now}, expires_at=expires_at))
    except RevisionConflict:
        # Another process was faster, or the session has just ended, which the next look will tell.
        return session


def list_sessions(core: Core, identity: Identity) -> list[JSON]:
    """Return the sessions of a person, oldest first."""
    account = account_by_id(core, identity.account_id)
    return [
        {
            **{name: each.body[name] for name in ("session_id", "created_at", "seen_at", "device", "address")},
            "expires_at": each.expires_at,
            "current": each.body["session_id"] == identity.credential_id,
        }
        for each in _sessions_of(core, identity.account_id)
        if account is not None and each.body["epoch"] == account.epoch
    ]


def end_session(core: Core, identity: Identity, session_id: str) -> None:
    """End one session of the person. Raises NotFound for another person's."""
    document = documents.find_by_name(core, SESSIONS, session_id)
    if document is None or document.body["account_id"] != identity.account_id:
        raise NotFound("there is no such session", {"session_id": session_id[:100]})
    while document is not None and not documents.delete(core, document):
        document = documents.find(core, SESSIONS, document.document_id)
    core.identities.clear()


def end_all_sessions(core: Core, account_id: str) -> Account:
    """End all sessions of an account in one write: they are of an epoch that is over."""
    account = change_account(core, account_id, lambda before: replace(before, epoch=before.epoch + 1))
    forget_ended(core, account)
    return account


def forget_ended(core: Core, account: Account) -> None:
    """Remove the documents of sessions that a new epoch has ended."""
    core.identities.clear()
    for document in _sessions_of(core, account.account_id):
        if document.body["epoch"] < account.epoch:
            documents.delete(core, document)


def continue_session(core: Core, token: str, account: Account) -> None:
    """Take the session of this token over into the present epoch: it is the one that ended the others."""

    def decide(before: Document | None) -> Document | None:
        if before is None or before.body["account_id"] != account.account_id:
            return None
        return replace(before, body={**before.body, "epoch": account.epoch})

    documents.change(core, SESSIONS, hash_of(token), decide)
    forget_ended(core, account)


def _sessions_of(core: Core, account_id: str) -> list[Document]:
    return list(documents.walk(core, SESSIONS, f"{account_id}/"))
