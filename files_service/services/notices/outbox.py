"""The outbox: one document for each notice and channel, from which it is sent at least once.

The id of a document is a hash of the notice's key and the channel, so a notice that is added again changes nothing,
also when it was sent long ago. What is over stays for ``KEPT_MS``. Each notice is added for ``LOG``, too, which is no
channel: that copy is over at once, and the digest counts it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from files_service.core import Core
from files_service.domain.notices import (
    COLLECT_MS,
    CRITICAL,
    GIVE_UP_MS,
    LONGEST_WAIT_MS,
    Kind,
    Notice,
    is_wanted,
    retry_after,
)
from files_service.services.accounts import documents
from files_service.services.notices.personal import MARK, keys_of
from storage_adapters import Document, DocumentQuery, RevisionConflict

NOTICES = "notices"
LOG = ""
KEPT_MS = 30 * 24 * 3_600_000
BATCH = 200
_OVER = "~"

# The names of the channels, and the kinds for which each asks.
Wanted = Mapping[str, frozenset[Kind]]


def add_notices(core: Core, wanted: Wanted, notices: Iterable[Notice]) -> None:
    """Write notices for each channel that asks for them, also of their owners; those that are there stay."""
    for notice in notices:
        channels = [name for name, kinds in wanted.items() if is_wanted(notice.kind, kinds)]
        for channel in [*channels, *keys_of(core, notice), LOG]:
            add_for(core, channel, notice)


def add_for(core: Core, channel: str, notice: Notice) -> None:
    """Write a notice for one channel, unless it is there."""
    with suppress(RevisionConflict):
        documents.put(core, _new_document(notice, channel, core.clock()))


def pending(core: Core, channel: str) -> tuple[Document, ...]:
    """Return up to ``BATCH`` notices that a channel has not got: critical ones, then by the time when they are due.

    ``MARK`` is all channels of owners together.
    """
    query = DocumentQuery(collection=NOTICES, prefix=f"{channel}/", limit=BATCH)
    return documents.documents_of(core).find_documents(query, now=core.clock()).documents


def due_at(entry: Document) -> int:
    """Return the time from which on a notice may be sent."""
    return int(entry.order.rpartition("/")[2])


def is_due(entry: Document, now: int) -> bool:
    """Return True when a notice may be sent; also for one that a clock ahead put off to a time far away."""
    return not now < due_at(entry) <= now + LONGEST_WAIT_MS


def notice_of(entry: Document) -> Notice:
    """Return the notice of a document."""
    body: Mapping[str, Any] = entry.body
    return Notice(kind=Kind(body["kind"]), key=body["key"], at=body["at"], owner=body["owner"], facts=body["facts"])


def note_sent(core: Core, entry: Document) -> None:
    """Note that a notice was sent."""
    _store(core, _over(entry, "sent", core.clock()))


def note_dropped(core: Core, entry: Document) -> None:
    """Note that a notice is not sent, because it is not true any more."""
    _store(core, _over(entry, "dropped", core.clock()))


def note_unreadable(core: Core, entry: Document) -> None:
    """Note that a notice is not sent, because there is no text for it."""
    _store(core, _over(entry, "given_up", core.clock()))


def postpone(core: Core, entry: Document, until: int) -> None:
    """Put a notice off, so that it does not stand before those that are due."""
    _store(core, replace(entry, order=_order(entry.body, until)))


def note_failure(core: Core, entry: Document) -> bool:
    """Note that a notice was not sent; return True when it is given up."""
    now, tries = core.clock(), entry.body["tries"] + 1
    body = {**entry.body, "tries": tries}
    if now - entry.body["added_at"] >= GIVE_UP_MS:
        _store(core, _over(replace(entry, body=body), "given_up", now))
        return True
    _store(core, replace(entry, body=body, order=_order(body, now + retry_after(tries))))
    return False


def logged(core: Core, first: int, end: int) -> Iterator[Notice]:
    """Yield all notices that were added for ``LOG`` within a time."""
    query = DocumentQuery(
        collection=NOTICES, first=f"{_OVER}log/{first:015d}", end=f"{_OVER}log/{end:015d}", limit=BATCH
    )
    for entry in documents.documents_of(core).walk_documents(query, now=core.clock()):
        yield notice_of(entry)


def _store(core: Core, entry: Document) -> None:
    try:
        documents.put(core, entry)
    except RevisionConflict:
        return  # another process has the lease, and did it


def _new_document(notice: Notice, channel: str, now: int) -> Document:
    body = {
        "kind": notice.kind.value,
        "key": notice.key,
        "at": notice.at,
        "owner": notice.owner,
        "facts": dict(notice.facts),
        "channel": channel,
        "added_at": now,
        "tries": 0,
        "state": "pending",
    }
    document_id = hashlib.sha256(f"{channel}\0{notice.key}".encode()).hexdigest()
    # What another machine tells may be of a clock that is ahead.
    at = min(notice.at, now)
    order = _order(body, at + (0 if notice.kind in CRITICAL else COLLECT_MS))
    entry = documents.new_document(NOTICES, document_id, body, order=order, expires_at=now + KEPT_MS)
    return entry if channel != LOG else _over(entry, "log", at)


def _over(entry: Document, state: str, now: int) -> Document:
    body = {**entry.body, "state": state}
    return replace(entry, body=body, order=f"{_OVER}{state}/{now:015d}", expires_at=now + KEPT_MS)


def _order(body: Mapping[str, Any], due: int) -> str:
    """Return the place of a notice among those of its channel: critical ones of the installation stand first."""
    channel = body["channel"]
    first = "!/" if body["kind"] == Kind.DISK_CRITICAL else ""
    return f"{MARK if channel.startswith(MARK) else channel}/{first}{due:015d}"
