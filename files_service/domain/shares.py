"""Shares: states, the form of keys, and the reasons for which a link does not open. Pure."""

from __future__ import annotations

import ipaddress
from enum import StrEnum

# 128 bits in base64url.
KEY_BYTES = 16
KEY = r"[A-Za-z0-9_-]{22}"
MAX_ITEMS = 100
MIN_PASSWORD, MAX_PASSWORD = 8, 1_024
UNLOCK_MS = 12 * 3_600_000
GRANT_MS = 24 * 3_600_000
# A visitor sees what was uploaded for this time.
VISIT_MS = 24 * 3_600_000
MAX_SENDER = 100
# Types of parts that are made of the content to be looked at: they are shown where the content itself is counted.
DERIVATIVES = frozenset({"thumbnail", "preview", "poster", "hover"})
# Notices of what happened to a link wait for so long, so that many become one.
NOTICE_MS = 5 * 60_000
DAY_MS = 24 * 3_600_000
# The life of a link whose owner has an account and chooses none, where the tenant says nothing else.
DEFAULT_DAYS, MAX_DAYS = 30, 36_500
# A revoked share can be made active again for this time; then it is forgotten.
REVOKED_MS = 30 * 24 * 3_600_000


class ShareKind(StrEnum):
    """The kind of a share: visitors read files, read and add files, or add files without seeing any."""

    VIEW = "view"
    COLLECT = "collect"
    DROP = "drop"

    @property
    def shows_files(self) -> bool:
        """Visitors may see and read files."""
        return self is not ShareKind.DROP

    @property
    def takes_files(self) -> bool:
        """Visitors may add files."""
        return self is not ShareKind.VIEW


class ShareState(StrEnum):
    """The state of a share, which its owner sets."""

    ACTIVE = "active"
    PAUSED = "paused"
    REVOKED = "revoked"


class ShareEvent(StrEnum):
    """An act of a visitor, for the eyes of the owner of the share."""

    OPENED = "opened"
    UNLOCKED = "unlocked"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - the name of an event.
    DOWNLOADED = "downloaded"
    UPLOADED = "uploaded"


def network_of(address: str) -> str | None:
    """Return the network of an address, which is all that is kept of it; None without an address."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return None
    return str(ipaddress.ip_network((found, 24 if found.version == 4 else 48), strict=False))


def fault_of_state(state: ShareState, *, starts_at: int | None, expires_at: int | None, now: int) -> str | None:
    """Return the reason for which a link does not open now, None for one that does."""
    if state is ShareState.REVOKED:
        return "the link was revoked"
    if state is ShareState.PAUSED:
        return "the link is paused"
    if starts_at is not None and now < starts_at:
        return "the link is not open yet"
    if expires_at is not None and expires_at <= now:
        return "the link has expired"
    return None
