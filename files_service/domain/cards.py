"""Card sessions: states, the entries of a session, its counters, and the digest of a listing. Pure.

1. A session is the copying of one card. It is begun, copies, is verified, and ends with a verdict.
2. An entry is a file of the card. Entries are told in any order and any number of times; the last telling counts.
3. What changes the entries of a session takes its verdict away.
4. A listing has what is to be taken. An entry that is excluded as junk is counted apart and never hinders a verdict.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from files_service.domain.paths import segment_of
from storage_adapters import composed_form

MAX_BATCH = 1_000
MAX_ENTRIES = 200_000
MAX_CARDS = 1_000
MAX_RANGES = 100
MAX_DIFFERING = 1_000
CARD_ID = r"[A-Za-z0-9._:-]{1,128}"
JUNK = "junk"
_SHORT = 8


class CardState(StrEnum):
    """Permission of the owner to take a card."""

    UNKNOWN = "unknown"
    ALLOWED = "allowed"
    IGNORED = "ignored"


class SessionState(StrEnum):
    """State of a session."""

    COPYING = "copying"
    INTERRUPTED = "interrupted"
    UPLOADED = "uploaded"
    VERIFYING = "verifying"
    SAFE = "safe"
    COPIED_NOT_VERIFIED = "copied_not_verified"
    NOT_SAFE = "not_safe"
    STALE = "stale"


class Verify(StrEnum):
    """Extent of a verification: the card is read a second time, or only the copies are."""

    CARD = "card"
    COPIES = "copies"


class EntryStatus(StrEnum):
    """Outcome of one file of a card."""

    UPLOADED = "uploaded"
    KNOWN = "known"
    UNREADABLE = "unreadable"
    CHANGED = "changed"
    EXCLUDED = "excluded"
    MISSING = "missing"


ARCHIVED = (EntryStatus.UPLOADED, EntryStatus.KNOWN)
FAILED = (EntryStatus.UNREADABLE, EntryStatus.CHANGED, EntryStatus.MISSING)
# A card that comes back goes on in a session of these states.
CONTINUED = (SessionState.COPYING, SessionState.INTERRUPTED, SessionState.UPLOADED)
JUDGED = (SessionState.SAFE, SessionState.COPIED_NOT_VERIFIED, SessionState.NOT_SAFE)
_TOLD: Mapping[SessionState, tuple[SessionState, ...]] = {
    SessionState.COPYING: (SessionState.INTERRUPTED, SessionState.UPLOADED),
    SessionState.INTERRUPTED: (SessionState.COPYING, SessionState.UPLOADED),
    # A late "copying" is a repeated call; the card may be pulled during its second reading.
    SessionState.UPLOADED: (SessionState.INTERRUPTED,),
}


class Tally(NamedTuple):
    """Number and bytes of entries."""

    files: int = 0
    bytes: int = 0

    def plus(self, other: Tally) -> Tally:
        """Return the sum."""
        return Tally(self.files + other.files, self.bytes + other.bytes)

    def minus(self, other: Tally) -> Tally:
        """Return the difference."""
        return Tally(self.files - other.files, self.bytes - other.bytes)


Counts = Mapping[str, Tally]
JUNK_COUNT = "junk"


def count_of(entry: Mapping[str, Any]) -> str:
    """Return the counter of an entry: its status, or that of junk."""
    is_junk = entry["status"] == EntryStatus.EXCLUDED and entry.get("reason") == JUNK
    return JUNK_COUNT if is_junk else str(entry["status"])


def recounted(counts: Counts, before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> dict[str, Tally]:
    """Return the counters after an entry has taken the place of another."""
    changed = dict(counts)
    if before is not None:
        name = count_of(before)
        changed[name] = changed.get(name, Tally()).minus(Tally(1, before["size"]))
    name = count_of(after)
    changed[name] = changed.get(name, Tally()).plus(Tally(1, after["size"]))
    return {each: tally for each, tally in changed.items() if tally != Tally()}


def summed(counts: Counts, names: Iterable[str]) -> Tally:
    """Return the sum of some counters."""
    total = Tally()
    for name in names:
        total = total.plus(counts.get(name, Tally()))
    return total


def state_after(state: SessionState, told: SessionState | None) -> SessionState:
    """Return the state of a session after its sender has told one; what comes too late changes nothing."""
    return told if told is not None and told in _TOLD.get(state, ()) else state


def state_with_changed_entries(state: SessionState) -> SessionState:
    """Return the state of a session whose entries change: a verdict, or the work for one, is void."""
    return SessionState.UPLOADED if state in (*JUDGED, SessionState.VERIFYING) else state


class Listing:
    """The digest of a listing, fed in the order of the paths: ``path NUL size NUL mtime_ms LF`` for each file."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, path: str, size: int, mtime_at: int) -> None:
        """Add a file."""
        self._hash.update(f"{path}\0{size}\0{mtime_at}\n".encode())

    @property
    def sha256(self) -> str:
        """The digest so far."""
        return self._hash.hexdigest()


def is_listed(entry: Mapping[str, Any]) -> bool:
    """Return True for an entry that a listing of the card has."""
    return entry["status"] not in (EntryStatus.EXCLUDED, EntryStatus.MISSING)


def default_folder(title: str, card_id: str, now: int) -> str:
    """Return the folder of a session's files: the card, then the day in UTC."""
    short = "".join(each for each in card_id if each.isalnum())[:_SHORT]
    name = segment_of(composed_form(f"{title.strip()} {short}".strip()) or "card")
    return f"Cards/{name}/{time.strftime('%Y-%m-%d', time.gmtime(now / 1000))}"


def fault_of_path(path: str) -> str | None:
    """Return the fault of a path on a card, None for a sound one: relative, with "/", as it is on the card."""
    if len(path.encode()) > 1_024:
        return "Must be at most 1024 bytes of UTF-8."
    if any(segment in ("", ".", "..") for segment in path.split("/")):
        return "Must be relative to the root of the card, without empty segments."
    return None
