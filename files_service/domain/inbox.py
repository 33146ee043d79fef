"""The inbox of an owner: the last news of its files, links, cards and quota. Pure.

1. Each piece of news has a key, so what is told twice counts once. The keys of the last ones are kept; what visitors do
   is told by the time up to which each link was read, too.
2. News of one kind about one thing within ``FOLD_MS`` are one entry with a count, as long as it is unread.
3. The oldest entry goes when there are more than ``KEPT``: an inbox never grows beyond that.
4. What an owner did itself needs no notice; it is there to be undone, and is read from the beginning.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

KEPT = 100
KEPT_KEYS = 400
KEPT_LINKS = 100
MOST_IDS = 20
FOLD_MS = 600_000
# A quota is nearly full from the first share on, and is told of again after it was below the second.
FULL, ROOM = 0.9, 0.85


class NewsKind(StrEnum):
    """Kinds of news."""

    UPLOADED = "uploaded"
    VERSION_ADDED = "version_added"
    UPLOAD_FAILED = "upload_failed"
    UPLOAD_EXPIRED = "upload_expired"
    DOWNLOADED = "downloaded"
    RECEIVED = "received"
    TRASHED = "trashed"
    SESSION_COMPLETE = "session_complete"
    SESSION_FAILED = "session_failed"
    SAFE = "safe"
    COPIED_NOT_VERIFIED = "copied_not_verified"
    NOT_SAFE = "not_safe"
    QUOTA_LOW = "quota_low"


OWN_ACTS = frozenset({NewsKind.TRASHED})


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """Something to tell an owner. ``about`` is what news are folded by; ``name`` is for people."""

    kind: NewsKind
    key: str
    at: int
    about: str = ""
    name: str = ""
    bytes: int = 0
    file_id: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """News that are shown as one; ``name`` and ``facts`` are of the last. ``file_ids`` has the last ``MOST_IDS``."""

    notice_id: str
    kind: str
    at: int
    about: str = ""
    name: str = ""
    count: int = 1
    bytes: int = 0
    file_ids: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    read: bool = False


@dataclass(frozen=True, slots=True)
class Inbox:
    """The entries, the oldest first; the keys that were told; the time up to which each link was read."""

    entries: tuple[Entry, ...] = ()
    keys: tuple[str, ...] = ()
    links: Mapping[str, int] = field(default_factory=dict)
    quota_low: bool = False

    @property
    def unread(self) -> int:
        """Number of unread entries."""
        return sum(not each.read for each in self.entries)


def tell(inbox: Inbox, news: Iterable[News]) -> Inbox:
    """Return the inbox with the news that it does not have yet."""
    entries, keys = list(inbox.entries), dict.fromkeys(inbox.keys)
    for each in news:
        key = _short(each.key)
        if key in keys or (each.kind is NewsKind.UPLOADED and _short(received_key(each.file_id)) in keys):
            continue
        keys[key] = None
        if each.kind is NewsKind.RECEIVED:
            # What a visitor sent is no upload of the owner's, although its end was told before.
            entries = _without_upload(entries, each)
        if each.kind is NewsKind.TRASHED and each.file_id is not None:
            entries = _without_trashed(entries, [each.file_id])
        _add(entries, each)
    entries.sort(key=lambda entry: (entry.at, entry.notice_id))
    return replace(inbox, entries=tuple(entries[-KEPT:]), keys=tuple(keys)[-KEPT_KEYS:])


def received_key(file_id: str | None) -> str:
    """Return the key of the news that a visitor sent a file."""
    return f"received/{file_id}"


def note_link(inbox: Inbox, share_id: str, read_to: int) -> Inbox:
    """Return the inbox in which the events of a link are read up to a time."""
    links = {**inbox.links, share_id: max(read_to, inbox.links.get(share_id, 0))}
    newest = sorted(links.items(), key=lambda each: each[1])[-KEPT_LINKS:]
    return replace(inbox, links=dict(newest))


def note_usage(inbox: Inbox, used: int, quota: int, now: int) -> Inbox:
    """Return the inbox with news of a quota that has become nearly full."""
    if not quota or used < ROOM * quota:
        return replace(inbox, quota_low=False)
    if inbox.quota_low or used < FULL * quota:
        return inbox
    facts = {"used": used, "quota": quota}
    news = News(kind=NewsKind.QUOTA_LOW, key=f"quota/{now}", at=now, facts=facts)
    return replace(tell(inbox, [news]), quota_low=True)


def mark_read(inbox: Inbox, notice_ids: Sequence[str] | None) -> Inbox:
    """Return the inbox in which these entries are read, None all of them."""
    entries = (
        replace(each, read=True) if notice_ids is None or each.notice_id in notice_ids else each
        for each in inbox.entries
    )
    return replace(inbox, entries=tuple(entries))


def take_back(inbox: Inbox, file_ids: Collection[str]) -> Inbox:
    """Return the inbox in which nothing offers to take these files out of the trash: they are not there any more."""
    return replace(inbox, entries=tuple(_without_trashed(inbox.entries, file_ids)))


def _add(entries: list[Entry], news: News) -> None:
    own = news.kind in OWN_ACTS
    ids = (news.file_id,) if news.file_id is not None else ()
    for number, entry in enumerate(reversed(entries), 1):
        same = entry.kind == news.kind.value and entry.about == news.about
        if same and entry.read is own and abs(news.at - entry.at) <= FOLD_MS:
            entries[-number] = replace(
                entry,
                at=max(entry.at, news.at),
                name=news.name,
                count=entry.count + 1,
                bytes=entry.bytes + news.bytes,
                file_ids=(*(each for each in entry.file_ids if each != news.file_id), *ids)[-MOST_IDS:],
                facts=dict(news.facts),
            )
            return
    entries.append(
        Entry(
            notice_id=_short(news.key),
            kind=news.kind.value,
            at=news.at,
            about=news.about,
            name=news.name,
            bytes=news.bytes,
            file_ids=ids,
            facts=dict(news.facts),
            read=own,
        )
    )


def _without_trashed(entries: Iterable[Entry], file_ids: Collection[str]) -> list[Entry]:
    kept = []
    for entry in entries:
        gone = [each for each in entry.file_ids if each in file_ids] if entry.kind == NewsKind.TRASHED.value else []
        if len(gone) < entry.count:
            ids = tuple(each for each in entry.file_ids if each not in gone)
            kept.append(replace(entry, count=entry.count - len(gone), file_ids=ids))
    return kept


def _without_upload(entries: list[Entry], news: News) -> list[Entry]:
    """Return the entries in which a file does not count as an upload."""
    kept = []
    for entry in entries:
        if entry.kind == NewsKind.UPLOADED.value and news.file_id in entry.file_ids:
            if entry.count == 1:
                continue
            ids = tuple(each for each in entry.file_ids if each != news.file_id)
            entry = replace(entry, count=entry.count - 1, bytes=max(0, entry.bytes - news.bytes), file_ids=ids)
        kept.append(entry)
    return kept


def _short(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:16]
