"""The verdict on a card: may it be formatted. Pure.

1. ``safe`` needs that nothing speaks against it. What was not proven speaks against it: a fact that is absent is never
   taken for a good one.
2. All files of the card, known ones too, were read again in the archive, whole, with the hashes of the card.
3. At least ``COPIES`` copies in different failure domains were read; with fewer the verdict is
   ``copied_not_verified``, and with none ``not_safe``.
4. A new listing of the card equals the entries. The card was read twice, or the verdict says that it was read once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from files_service.domain.cards import (
    ARCHIVED,
    JUNK_COUNT,
    Counts,
    EntryStatus,
    SessionState,
    Tally,
    Verify,
    summed,
)
from files_service.domain.sizes import number_of, shown_size

COPIES = 2
MAX_REASONS = 100


class Code(StrEnum):
    """Kinds of reasons."""

    UNREADABLE = "unreadable"
    CHANGED = "changed"
    EXCLUDED = "excluded"
    MISSING = "missing"
    READS_DIFFERENTLY = "reads_differently"
    FILE_GONE = "file_gone"
    COPY_DAMAGED = "copy_damaged"
    HASH_DIFFERS = "hash_differs"
    NOT_HASHED = "not_hashed"
    NO_FILES = "no_files"
    INCOMPLETE = "incomplete"
    NOT_REREAD = "not_reread"
    NOT_LISTED_AGAIN = "not_listed_again"
    LISTING_DIFFERS = "listing_differs"
    NOT_READ_TWICE = "not_read_twice"
    ONE_COPY = "one_copy"
    STALE = "stale"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Something that speaks against formatting; ``path`` is the file on the card, if it is about one."""

    code: Code
    detail: str
    path: str | None = None

    def shown(self) -> dict[str, str]:
        """Return the wire form."""
        named = {} if self.path is None else {"path": self.path}
        return {"code": self.code.value, **named, "detail": self.detail}

    def __str__(self) -> str:
        return self.detail if self.path is None else f"{self.path}: {self.detail}"


_OF_STATUS = {
    EntryStatus.UNREADABLE: (Code.UNREADABLE, "the card does not give its bytes"),
    EntryStatus.CHANGED: (Code.CHANGED, "it changed on the card"),
    EntryStatus.EXCLUDED: (Code.EXCLUDED, "it was left out"),
    EntryStatus.MISSING: (Code.MISSING, "it was gone from the card before it was read"),
}

# The others say all that there is to say.
_WITH_REASON = (EntryStatus.UNREADABLE, EntryStatus.EXCLUDED)


def reason_of_entry(entry: Mapping[str, Any]) -> Reason | None:
    """Return the reason that an entry is by its status; None for a file in the archive and for junk."""
    status = EntryStatus(entry["status"])
    if status in ARCHIVED or (status is EntryStatus.EXCLUDED and entry.get("reason") == JUNK_COUNT):
        return None
    code, detail = _OF_STATUS[status]
    ranges = entry.get("ranges") or []
    where = ", ".join(f"{start}-{end}" for start, end in ranges[:3]) + (", …" if len(ranges) > 3 else "")
    is_told = status in _WITH_REASON and entry.get("reason")
    because = f": {entry['reason']}" if is_told else ""
    return Reason(code=code, path=entry["path"], detail=f"{detail}{because}{f' (bytes {where})' if where else ''}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondRead:
    """The second reading of the card: the files that were read to their ends."""

    files: int
    bytes: int
    differing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that is known when a verdict is given.

    ``announced`` is the number of files with which the sender began; ``counts`` and ``listing_of_entries`` are of the
    entries, counted anew; ``failed`` are reasons by the status of entries and ``faults`` those of the reading in the
    archive, of which ``more`` were not kept. ``reread`` are the files of which every copy was read whole with the right
    hashes, and ``copies`` is the least number of failure domains in which one of them was.
    """

    announced: int
    counts: Counts
    listing_of_entries: str
    listing: str | None
    verify: Verify
    second_read: SecondRead | None
    reread: Tally
    copies: int
    reread_at: int
    failed: tuple[Reason, ...] = ()
    faults: tuple[Reason, ...] = ()
    more: int = 0

    @property
    def listed(self) -> Tally:
        """The entries but junk."""
        return summed(self.counts, [name for name in self.counts if name != JUNK_COUNT])

    @property
    def archived(self) -> Tally:
        """The entries whose file is in the archive."""
        return summed(self.counts, ARCHIVED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer. ``text`` says it in a line; ``more`` reasons are not among ``reasons``."""

    state: SessionState
    text: str
    copies: int
    verified_at: int
    reasons: tuple[Reason, ...] = ()
    more: int = 0

    def shown(self) -> dict[str, Any]:
        """Return the wire form."""
        return {
            "state": self.state.value,
            "reasons": [each.shown() for each in self.reasons],
            "more_reasons": self.more,
            "text": self.text,
            "copies": self.copies,
            "verified_at": self.verified_at,
        }


def judge(facts: Facts) -> Verdict:
    """Return the verdict on a card."""
    against = tuple(_against(facts))
    reasons, more = against[:MAX_REASONS], facts.more + max(0, len(against) - MAX_REASONS)
    if reasons or more:
        state, text = SessionState.NOT_SAFE, _text_of_reasons(reasons, more)
    elif facts.copies < COPIES:
        state = SessionState.COPIED_NOT_VERIFIED
        text = f"COPIED, NOT VERIFIED: {_summary(facts)}; a second copy in another place is missing"
        reasons = (Reason(code=Code.ONE_COPY, detail="the archive keeps one copy"),)
    else:
        state, text = SessionState.SAFE, f"SAFE TO FORMAT: {_summary(facts)}"
    return Verdict(state=state, text=text, copies=facts.copies, verified_at=facts.reread_at, reasons=reasons, more=more)


def voided(verdict: Mapping[str, Any]) -> dict[str, Any]:
    """Return the wire form of a verdict that holds no more; its time and copies stay."""
    detail = (
        "since its verdict the card came back with other files, a file has left the archive, or a newer session began"
    )
    reason = Reason(code=Code.STALE, detail=detail)
    anew = {"state": SessionState.STALE.value, "text": _text_of_reasons((reason,), 0)}
    return {**verdict, **anew, "reasons": [reason.shown()], "more_reasons": 0}


def _against(facts: Facts) -> Iterator[Reason]:
    """Yield what speaks against formatting: first what is about a file."""
    yield from facts.failed
    second = facts.second_read
    for path in second.differing if second is not None else ():
        detail = "its second reading gave other bytes"
        yield Reason(code=Code.READS_DIFFERENTLY, path=path, detail=detail)
    yield from facts.faults
    if not facts.listed.files:
        yield Reason(code=Code.NO_FILES, detail="the session has no files")
    # More than announced is no fault: a card that came back may have new files. The listing decides.
    if facts.listed.files < facts.announced:
        detail = f"the card had {number_of(facts.announced, 'file')}, and {facts.listed.files} were told"
        yield Reason(code=Code.INCOMPLETE, detail=detail)
    if not _failed_by_status(facts) and not facts.failed and facts.archived != facts.listed:
        yield Reason(code=Code.INCOMPLETE, detail="not all files are in the archive")
    if _failed_by_status(facts) and not facts.failed and not facts.more:
        yield Reason(code=Code.INCOMPLETE, detail="some files could not be taken")
    is_reread = facts.reread == facts.archived and (facts.copies or not facts.archived.files)
    if not is_reread and not facts.faults:
        detail = f"{_tally(facts.reread)} of {_tally(facts.archived)} were read again in the archive"
        yield Reason(code=Code.NOT_REREAD, detail=detail)
    if facts.listing is None:
        yield Reason(code=Code.NOT_LISTED_AGAIN, detail="the card was not listed again after the copying")
    elif facts.listing != facts.listing_of_entries:
        detail = "the card has other files than those that were copied"
        yield Reason(code=Code.LISTING_DIFFERS, detail=detail)
    if facts.verify is Verify.CARD and not _is_read_twice(facts):
        yield Reason(code=Code.NOT_READ_TWICE, detail="the card was not read a second time to its end")


def _failed_by_status(facts: Facts) -> bool:
    return any(facts.counts.get(status, Tally()).files for status in _OF_STATUS)


def _is_read_twice(facts: Facts) -> bool:
    second, uploaded = facts.second_read, facts.counts.get(EntryStatus.UPLOADED, Tally())
    if second is None or second.differing:
        return False
    # Known files are not read whole the first time either.
    return second.files >= uploaded.files and second.bytes >= uploaded.bytes


def _summary(facts: Facts) -> str:
    known = facts.counts.get(EntryStatus.KNOWN, Tally()).files
    files = number_of(facts.archived.files, "file")
    at = time.strftime("%H:%M", time.gmtime(facts.reread_at / 1000))
    return ", ".join(
        (
            f"{files} ({known} known)" if known else files,
            shown_size(facts.archived.bytes),
            f"{number_of(facts.copies, 'copy')} re-read {at} UTC",
            _readings(facts),
        )
    )


def _readings(facts: Facts) -> str:
    """Tell how often the card was read; known files are recognized by size and ends, unless all is read."""
    times = "twice" if _is_read_twice(facts) else "once"
    second, archived = facts.second_read, facts.archived
    if not facts.counts.get(EntryStatus.KNOWN, Tally()).files:
        return f"card read {times}"
    if second is not None and second.files >= archived.files and second.bytes >= archived.bytes:
        return "card read in full"
    if not facts.counts.get(EntryStatus.UPLOADED, Tally()).files:
        return "known files recognized, not read in full"
    return f"new files read {times}, known ones recognized"


def _text_of_reasons(reasons: tuple[Reason, ...], more: int) -> str:
    others = len(reasons) - 1 + more
    first = str(reasons[0]) if reasons else "files could not be verified"
    tail = "" if others < 1 else f"; and {number_of(others, 'more reason')}"
    return f"DO NOT FORMAT: {first}{tail}"


def _tally(tally: Tally) -> str:
    return f"{number_of(tally.files, 'file')} of {shown_size(tally.bytes)}"
