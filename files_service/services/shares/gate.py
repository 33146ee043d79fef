"""The gate: every reader of a share, of its page, its JSON and its bytes, goes through ``open_share``."""

from __future__ import annotations

from dataclasses import dataclass

from files_service.core import Core
from files_service.domain.shares import fault_of_state
from files_service.errors import FilesError, Forbidden, Gone, Unauthorized
from files_service.services.accounts.identity import is_closed
from files_service.services.shares.grants import is_granted
from files_service.services.shares.items import file_of
from files_service.services.shares.share import Share, find_by_key, find_share
from files_service.services.shares.unlocking import is_unlocked


@dataclass(frozen=True, slots=True)
class Visit:
    """A visitor's proofs: of a password, of a grant, of the uploads of this visit; and the owner who is signed in."""

    unlocked: str = ""
    grant: str = ""
    sender: str = ""
    viewer: str | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A share that a visitor may see; ``granted`` if the visitor's downloads are counted already, or need no count."""

    share: Share
    granted: bool
    is_owner: bool = False

    @property
    def may_read(self) -> bool:
        """Permission to read bytes: by a grant, or by any request where downloads are not limited."""
        return self.granted or self.share.max_downloads is None


def find_open(core: Core, key: str) -> Share:
    """Return the share of a link that is open. Raises NotFound, and Gone for one that is not open now."""
    share = find_by_key(core, key)
    require_still_open(core, share)
    return share


def open_share(core: Core, key: str, visit: Visit) -> Opened:
    """Let a visitor in. Raises NotFound, Gone, and Unauthorized before the password is given."""
    share = find_open(core, key)
    is_owner = visit.viewer == share.owner
    granted = is_owner or is_granted(core, share, visit.grant)
    if share.is_used_up and not granted:
        raise Gone("all downloads of the link are used up")
    if share.password is not None and not is_unlocked(core, share, visit.unlocked):
        raise Unauthorized("the link needs its password", {"password": "required"})
    return Opened(share, granted, is_owner)


def require_bytes(opened: Opened, *, shown: bool, derived: bool = False) -> None:
    """Raise Forbidden unless the visitor may read bytes.

    ``shown`` is True for those that a page displays, ``derived`` for a part that was only made to be looked at.
    """
    if not opened.may_read and not (shown and derived):
        raise Forbidden("the downloads of this link are counted: use the button on its page")
    if not shown:
        require_download(opened)


def require_download(opened: Opened) -> None:
    """Raise Forbidden for a link that only shows its files."""
    if not opened.share.allow_download:
        raise Forbidden("the owner does not allow downloads")


def stays_open(core: Core, opened: Opened, file_id: str | None = None) -> bool:
    """Return True while a transfer may go on; of a file, if it is a download, whose count was taken when it began."""
    share = find_share(core, opened.share.share_id)
    if share is None or share.epoch != opened.share.epoch:
        return False
    try:
        require_still_open(core, share)
        if file_id is not None:
            file_of(core, share, file_id)
    except FilesError as error:
        if error.http_status >= 500:
            raise
        return False
    return True


def require_still_open(core: Core, share: Share) -> None:
    """Raise Gone for a link that is not open now, by its state, its time or its owner's account."""
    now = core.clock()
    fault = fault_of_state(share.state, starts_at=share.starts_at, expires_at=share.expires_at, now=now)
    if fault is None and is_closed(core, share.owner):
        fault = "the link was closed"
    if fault is not None:
        raise Gone(fault)
