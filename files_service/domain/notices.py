"""Notices: their kinds, what a card session gives rise to, and the times of delivery. Pure.

A notice has a key. What happens once has one key, however often it is told; so a channel gets it once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from files_service.domain.cards import JUDGED, CardState, SessionState

COLLECT_MS = 60_000
SILENT_MS = 600_000
FIRST_RETRY_MS = 10_000
LONGEST_RETRY_MS = 3_600_000
GIVE_UP_MS = 24 * 3_600_000
# Longer than a repetition or quiet hours put a notice off.
LONGEST_WAIT_MS = 26 * 3_600_000
# After so many failures in company a notice is sent alone, so that one that is refused holds up no other.
TRIES_TOGETHER = 3
MAX_MESSAGE = 4_096
MAX_TEXT = 1_000
SHOWN_OF_A_KIND = 5
# Channels with markup lose empty lines.
_BETWEEN = "\n———\n"
_ROOM_TO_COUNT = 1_000


class Kind(StrEnum):
    """Kinds of notices; a channel may ask for some of them."""

    CARD_FOUND = "card_found"
    CARD_UNKNOWN = "card_unknown"
    SESSION_COMPLETE = "session_complete"
    SESSION_FAILED = "session_failed"
    SESSION_INTERRUPTED = "session_interrupted"
    SAFE = "safe"
    COPIED_NOT_VERIFIED = "copied_not_verified"
    NOT_SAFE = "not_safe"
    UPLOAD_EXPIRED = "upload_expired"
    DEAD_LETTERS = "dead_letters"
    DISK_LOW = "disk_low"
    DISK_CRITICAL = "disk_critical"
    DISK_OK = "disk_ok"
    DIGEST = "digest"
    TEST = "test"


CRITICAL = frozenset({Kind.DISK_CRITICAL, Kind.TEST})
# What is about an owner's own cards and uploads; the rest is the installation's.
PERSONAL = frozenset(
    {
        Kind.CARD_FOUND,
        Kind.CARD_UNKNOWN,
        Kind.SESSION_COMPLETE,
        Kind.SESSION_FAILED,
        Kind.SESSION_INTERRUPTED,
        Kind.SAFE,
        Kind.COPIED_NOT_VERIFIED,
        Kind.NOT_SAFE,
        Kind.UPLOAD_EXPIRED,
    }
)
_HOUR_MS = 3_600_000
_VERDICTS = {
    SessionState.SAFE: Kind.SAFE,
    SessionState.COPIED_NOT_VERIFIED: Kind.COPIED_NOT_VERIFIED,
    SessionState.NOT_SAFE: Kind.NOT_SAFE,
}
_COUNTED = ("files", "bytes", "files_done", "bytes_done", "known", "failed")
_TOLD = ("session_id", "card_id", "label", "camera", "host", "folder", *_COUNTED)
WATCHED = (SessionState.COPYING, SessionState.INTERRUPTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something to tell; ``facts`` are what its text needs, as JSON."""

    kind: Kind
    key: str
    at: int
    owner: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


def notices_of_card(card: Mapping[str, Any], at: int) -> Iterator[Notice]:
    """Yield what a write of a card's document gives rise to: a moment ago it was inserted.

    The feed of a store may tell the last of several writes alone, so the time of the insertion tells of it.
    """
    if card["state"] == CardState.IGNORED or at - card["seen_at"] > COLLECT_MS:
        return
    kind = Kind.CARD_UNKNOWN if card["state"] == CardState.UNKNOWN else Kind.CARD_FOUND
    facts = {name: card[name] for name in ("card_id", "label", "camera", "size_bytes", "host", "seen_at")}
    key = f"card/{card['owner']}/{card['card_id']}/{card['seen_at']}"
    yield Notice(kind=kind, key=key, at=at, owner=card["owner"], facts=facts)


def notices_of_session(session: Mapping[str, Any], at: int) -> Iterator[Notice]:
    """Yield what a card session gives rise to: it was copied, or it has a verdict."""
    state = SessionState(session["state"])
    owner, root = session["owner"], f"session/{session['session_id']}"
    facts = _facts_of(session)
    if state in (SessionState.UPLOADED, SessionState.VERIFYING):
        kind = Kind.SESSION_FAILED if session["failed"] else Kind.SESSION_COMPLETE
        yield Notice(kind=kind, key=f"{root}/end", at=at, owner=owner, facts=facts)
    verdict = session["verdict"]
    if state in JUDGED and verdict is not None:
        facts |= {"verdict": verdict["text"], "reasons": [_line_of(each) for each in verdict["reasons"][:3]]}
        key = f"{root}/verdict/{verdict['verified_at']}"
        yield Notice(kind=_VERDICTS[state], key=key, at=at, owner=owner, facts=facts)


def interruption_of(session: Mapping[str, Any], now: int) -> Notice | None:
    """Return the notice of a session that did not go on for ``SILENT_MS``, None for any other."""
    if not is_watched(session) or now - session["updated_at"] < SILENT_MS:
        return None
    facts = {**_facts_of(session), "minutes": (now - session["updated_at"]) // 60_000}
    key = f"session/{session['session_id']}/interrupted/{session['updated_at']}"
    return Notice(kind=Kind.SESSION_INTERRUPTED, key=key, at=now, owner=session["owner"], facts=facts)


def is_watched(session: Mapping[str, Any]) -> bool:
    """Return True for a session that should go on."""
    return SessionState(session["state"]) in WATCHED


def _facts_of(session: Mapping[str, Any]) -> dict[str, Any]:
    return {name: session[name] for name in _TOLD}


def _line_of(reason: Mapping[str, Any]) -> str:
    return f"{reason['path']}: {reason['detail']}" if reason.get("path") else str(reason["detail"])


def retry_after(tries: int) -> int:
    """Return the milliseconds to wait after so many failures."""
    return int(min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** min(tries - 1, 20)))


def is_wanted(kind: Kind, kinds: Collection[str]) -> bool:
    """Return True when a channel that asks for these kinds gets this one; without any it gets all."""
    return kind is Kind.TEST or not kinds or kind in kinds


def is_quiet(quiet: tuple[int, int] | None, now: int) -> bool:
    """Return True within the quiet hours, which may go over midnight."""
    if quiet is None:
        return False
    (first, end), hour = quiet, now // _HOUR_MS % 24
    return first <= hour < end if first <= end else hour >= first or hour < end


def quiet_until(quiet: tuple[int, int] | None, now: int) -> int:
    """Return the time from which on it is not quiet."""
    while is_quiet(quiet, now):
        now = (now // _HOUR_MS + 1) * _HOUR_MS
    return now


def length_of(text: str) -> int:
    """Return the length of a text as Telegram counts it, in units of UTF-16."""
    return len(text) + sum(each > "\uffff" for each in text)


def shortened(text: str, limit: int) -> str:
    """Cut a text that is too long, at the end of a line where there is one."""
    if length_of(text) <= limit:
        return text
    room, kept = limit - 2, []
    for each in text:
        room -= length_of(each)
        if room < 0:
            break
        kept.append(each)
    cut = "".join(kept)
    line = cut.rfind("\n")
    return f"{cut[:line] if line > 0 else cut}\n…"


def joined(texts: list[tuple[Kind, str]]) -> tuple[str, int]:
    """Return one message of the first texts, in their order, and how many of them it tells.

    Of a kind with many notices some are shown and the others counted.
    """
    shown: list[str] = []
    count_of: dict[Kind, int] = {}
    for number, (kind, text) in enumerate(texts):
        count_of[kind] = count_of.get(kind, 0) + 1
        more = shown if count_of[kind] > SHOWN_OF_A_KIND else [*shown, shortened(text, MAX_MESSAGE - 200)]
        if number and length_of(_message(more, count_of)) > MAX_MESSAGE:
            count_of[kind] -= 1
            return _message(shown, count_of), number
        shown = more
    return _message(shown, count_of), len(texts)


def digest_of(texts: list[tuple[Kind, str]], *, shown: int) -> str:
    """Return one message that tells all: some texts of each kind as far as there is room, and the others counted."""
    told: list[str] = [f"{len(texts)} notices at once"]
    shown_of, count_of = Counter[Kind](), Counter(kind for kind, _ in texts)
    for kind, text in texts:
        if shown_of[kind] < shown and length_of(_BETWEEN.join([*told, text])) <= MAX_MESSAGE - _ROOM_TO_COUNT:
            told.append(text)
            shown_of[kind] += 1
    rest = (count_of - shown_of).items()
    return _BETWEEN.join(
        [*told, *(f"… and {n} more: {kind}" if shown_of[kind] else f"{kind}: {n}" for kind, n in rest)]
    )


def _message(shown: list[str], count_of: Mapping[Kind, int]) -> str:
    extra = [(kind, count - SHOWN_OF_A_KIND) for kind, count in count_of.items() if count > SHOWN_OF_A_KIND]
    return _BETWEEN.join([*shown, *(f"… and {count} more: {kind}" for kind, count in extra)])
