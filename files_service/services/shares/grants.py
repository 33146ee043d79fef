"""Downloads of a share, counted: one count makes a grant, under which all requests of one visitor are that download."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from files_service.core import Core
from files_service.domain.shares import GRANT_MS, ShareEvent, fault_of_state
from files_service.errors import Conflict, Gone, NotFound
from files_service.services.accounts import documents
from files_service.services.accounts.documents import hash_of, new_secret
from files_service.services.shares.activity import record_event
from files_service.services.shares.share import GRANTS, Share, change_share
from storage_adapters import Document


def count_download(core: Core, share: Share, *, address: str = "", file_id: str = "") -> None:
    """Count a download. Raises Gone when none is left, or the link was closed or changed meanwhile."""

    def decide(before: Share) -> Share:
        now = core.clock()
        fault = fault_of_state(before.state, starts_at=before.starts_at, expires_at=before.expires_at, now=now)
        if fault is not None or before.epoch != share.epoch:
            raise Gone(fault or "the link has changed")
        if before.is_used_up:
            raise Gone("all downloads of the link are used up")
        return replace(before, used=before.used + 1)

    counted = change_share(core, share.share_id, decide)
    record_event(core, counted, ShareEvent.DOWNLOADED, address, file_id=file_id)


def make_grant(core: Core, share: Share, *, address: str = "", file_id: str = "") -> str:
    """Count a download and return the secret of its grant. Raises Gone.

    The count comes first: a process that dies in between leaves one download less, never one more.
    """
    count_download(core, share, address=address, file_id=file_id)
    secret, now = new_secret(), core.clock()
    body = {"share_id": share.share_id, "epoch": share.epoch, "created_at": now}
    grant = documents.new_document(GRANTS, hash_of(secret), body, order=share.share_id, expires_at=now + GRANT_MS)
    documents.put(core, grant)
    return secret


def is_granted(core: Core, share: Share, secret: str) -> bool:
    """Return True for the secret of a grant of this share, in its present epoch."""
    return _grant_of(core, share, secret) is not None


def use_grant(core: Core, share: Share, secret: str) -> None:
    """Note that bytes go out under a grant: from now on its download is never given back.

    Raises Gone where downloads are limited and the grant was given back meanwhile.
    """

    def decide(before: Document | None) -> Document:
        if before is None:
            raise Gone("the download was given back")
        return before if before.body.get("used") else replace(before, body={**before.body, "used": True})

    if _grant_of(core, share, secret) is not None:
        documents.change(core, GRANTS, hash_of(secret), decide)
    elif share.max_downloads is not None:
        raise Gone("the download was given back")


def refund_grant(core: Core, share: Share, secret: str) -> None:
    """End a grant under which no byte has gone, and give its download back to the link."""
    grant = _grant_of(core, share, secret)
    # Two requests under one grant: the one that fails must not give back what the other one uses.
    if grant is None or grant.body.get("used") or not documents.delete(core, grant):
        return

    def decide(before: Share) -> Share:
        return replace(before, used=max(0, before.used - 1))

    with suppress(Conflict, NotFound):
        change_share(core, share.share_id, decide)


def _grant_of(core: Core, share: Share, secret: str) -> Document | None:
    grant = documents.find(core, GRANTS, hash_of(secret)) if secret else None
    if grant is None or (grant.body["share_id"], grant.body["epoch"]) != (share.share_id, share.epoch):
        return None
    return grant
