"""Activity of links: the last events of each, for its owner, and notices of them in batches, for those who ask for it.

Of an address only the network is kept. Events are a help for the owner: a visitor's request never fails by them.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

from files_service.core import Core
from files_service.domain.shares import NOTICE_MS, ShareEvent, network_of
from files_service.errors import Conflict
from files_service.services.accounts import documents
from files_service.services.shares.share import Share
from storage_adapters import JSON, Document, DocumentQuery

EVENTS, NOTICES = "share_events", "share_notices"
KEPT = 100
KEPT_MS = 90 * 24 * 3_600_000
# Views from one network within this time are one event.
_VIEW_MS = 3_600_000
_NOTIFIED = (ShareEvent.DOWNLOADED, ShareEvent.UPLOADED)


def record_event(core: Core, share: Share, event: ShareEvent, address: str, **details: Any) -> None:
    """Keep an event of a share; the oldest one goes when there are ``KEPT``."""
    now = core.clock()
    entry = {"event": event.value, "at": now, "network": network_of(address)}
    entry |= {name: value for name, value in details.items() if value not in (None, "")}

    def decide(before: Document | None) -> Document | None:
        document = before or documents.new_document(EVENTS, share.share_id, {"events": []})
        events = document.body["events"]
        if event is ShareEvent.OPENED and any(_is_same_view(each, entry) for each in events):
            return before
        kept = [*events, entry][-KEPT:]
        return replace(document, body={**document.body, "events": kept}, expires_at=now + KEPT_MS)

    with suppress(Conflict):
        documents.change(core, EVENTS, share.share_id, decide)
        if share.notify and event in _NOTIFIED:
            _notice(core, share, event, now)


def events_of(core: Core, share_id: str) -> list[JSON]:
    """Return the events that are kept of a share, the newest first."""
    document = documents.find(core, EVENTS, share_id)
    return list(reversed(document.body["events"])) if document is not None else []


def due_notices(core: Core, limit: int) -> tuple[Document, ...]:
    """Return notices whose time has come, the oldest first."""
    query = DocumentQuery(collection=NOTICES, end=_order_of(core.clock() + 1), limit=limit)
    return documents.documents_of(core).find_documents(query, now=core.clock()).documents


def freeze_notice(core: Core, share_id: str) -> Document | None:
    """Fix what is sent of a notice, so that a repetition sends the same; return None without a notice."""

    def decide(before: Document | None) -> Document | None:
        if before is None or "sending" in before.body:
            return before
        told = {name: before.body[name] for name in ("since", "counts")}
        return replace(before, body={**before.body, "sending": {**told, "event_id": f"{share_id}:{before.revision}"}})

    return documents.change(core, NOTICES, share_id, decide)


def settle_notice(core: Core, sent: Document) -> None:
    """Forget a notice that was sent; what came meanwhile waits for the next one."""
    counted = sent.body["sending"]["counts"]
    if sent.body["counts"] == counted and documents.delete(core, sent):
        return
    now = core.clock()

    def decide(before: Document | None) -> Document | None:
        if before is None:
            return None
        left = {name: count - counted.get(name, 0) for name, count in before.body["counts"].items()}
        body = {"since": now, "counts": {name: count for name, count in left.items() if count > 0}}
        return replace(before, body=body, order=_order_of(now + NOTICE_MS))

    documents.change(core, NOTICES, sent.document_id, decide)


def _notice(core: Core, share: Share, event: ShareEvent, now: int) -> None:
    def decide(before: Document | None) -> Document:
        fresh = {"since": now, "counts": {}}
        notice = before or documents.new_document(NOTICES, share.share_id, fresh, order=_order_of(now + NOTICE_MS))
        counts = notice.body["counts"]
        return replace(notice, body={**notice.body, "counts": {**counts, event.value: counts.get(event.value, 0) + 1}})

    documents.change(core, NOTICES, share.share_id, decide)


def _is_same_view(earlier: JSON, entry: JSON) -> bool:
    same = all(earlier[name] == entry[name] for name in ("event", "network"))
    return same and entry["at"] - earlier["at"] < _VIEW_MS


def _order_of(at: int) -> str:
    return f"{at:015d}"
