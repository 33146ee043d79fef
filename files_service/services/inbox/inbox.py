"""The inbox document of an owner, and what its owner does with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

import orjson

from files_service.core import Core
from files_service.domain import inbox as rules
from files_service.domain.inbox import Entry, Inbox
from files_service.domain.uploads import owner_segment
from files_service.errors import bad_request
from files_service.services.accounts import documents
from files_service.services.files import require_acts_for, require_unbound
from storage_adapters import JSON, Document

INBOXES = "inboxes"
# Of an owner to whom nothing happens any more, nothing stays.
KEPT_MS = 180 * 24 * 3_600_000
# A store refuses larger documents, and then nobody's inbox would be filled any more.
MOST_BYTES = 384 * 1024


def list_notices(core: Core, actor: str | None, owner: str, *, limit: int, cursor: str | None) -> JSON:
    """Return a page of an owner's notices, the newest first, and the number of unread ones. Raises Forbidden."""
    _require(owner, actor)
    inbox = find_inbox(core, owner)
    newest = list(reversed(inbox.entries))
    if cursor is not None:
        place = _place_of(cursor)
        newest = [each for each in newest if (each.at, each.notice_id) < place]
    page = newest[:limit]
    following = f"{page[-1].at}-{page[-1].notice_id}" if len(newest) > limit else None
    return {"notices": [shown(each) for each in page], "next_cursor": following, "unread": inbox.unread}


def read_notices(core: Core, actor: str | None, owner: str, notice_ids: Sequence[str] | None) -> JSON:
    """Mark notices of an owner as read, None all of them; return the number of unread ones. Raises Forbidden."""
    _require(owner, actor)
    return {"unread": change_inbox(core, owner, lambda before: rules.mark_read(before, notice_ids)).unread}


def find_inbox(core: Core, owner: str) -> Inbox:
    """Return the inbox of an owner, an empty one where nothing was told."""
    document = documents.find(core, INBOXES, owner_segment(owner))
    return inbox_of(document) if document is not None else Inbox()


def change_inbox(core: Core, owner: str, decide: Callable[[Inbox], Inbox]) -> Inbox:
    """Load, decide, save; what changes nothing writes nothing. Raises Conflict."""
    segment = owner_segment(owner)

    def on_document(before: Document | None) -> Document | None:
        inbox = inbox_of(before) if before is not None else Inbox()
        after = decide(inbox)
        if after == inbox:
            return before
        document = before or documents.new_document(INBOXES, segment, {}, order=f"{segment}/")
        body = {**document.body, "owner": owner, **asdict(after), "keys": list(after.keys)}
        entries = [{**asdict(each), "file_ids": list(each.file_ids)} for each in after.entries]
        while len(orjson.dumps(entries)) > MOST_BYTES:
            del entries[0]
        body["entries"] = entries
        return replace(document, body=body, expires_at=core.clock() + KEPT_MS)

    stored = documents.change(core, INBOXES, segment, on_document)
    return inbox_of(stored) if stored is not None else Inbox()


def inbox_of(document: Document) -> Inbox:
    """Read a stored inbox."""
    body = document.body
    entries = tuple(Entry(**{**each, "file_ids": tuple(each["file_ids"])}) for each in body["entries"])
    return Inbox(entries, tuple(body["keys"]), body["links"], body["quota_low"])


def shown(entry: Entry) -> JSON:
    """Return an entry as its owner sees it."""
    return {**asdict(entry), "file_ids": list(entry.file_ids), "facts": dict(entry.facts)}


def _require(owner: str, actor: str | None) -> None:
    require_acts_for(owner, actor)
    require_unbound(actor)


def _place_of(cursor: str) -> tuple[int, str]:
    at, _, notice_id = cursor.partition("-")
    if not at.isascii() or not at.isdigit() or len(at) > 16:
        raise bad_request("cursor", "Not a cursor.")
    return int(at), notice_id
