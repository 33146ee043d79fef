"""The export of a person: all that is kept about it, page by page, of which one is in memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from files_service.core import Core
from files_service.domain.identity import Identity
from files_service.domain.listing import decode_cursor, encode_cursor
from files_service.domain.uploads import owner_segment
from files_service.errors import bad_request
from files_service.services.accounts.account import require_account
from files_service.services.accounts.documents import documents_of
from files_service.services.accounts.keys import list_keys
from files_service.services.accounts.sessions import list_sessions
from files_service.services.cards.card import CARDS, shown
from files_service.services.cards.session import SESSIONS, session_of
from files_service.services.folders.folder import FOLDERS
from files_service.services.folders.trashed import TRASHED, prefix_of_entries
from files_service.services.inbox.inbox import INBOXES, inbox_of
from files_service.services.inbox.inbox import shown as shown_notice
from files_service.services.notices.personal import CHANNELS
from files_service.services.notices.personal import shown as shown_channel
from files_service.services.shares.share import SHARES, order_of, share_of_document
from storage_adapters import JSON, Document, DocumentPosition, DocumentQuery, FileRecord, ListQuery, Section

PAGE = 100

# The type of a line, and what it says: a record as it is stored, of anything else what its owner sees.
Entry = tuple[str, JSON | FileRecord]


@dataclass(frozen=True, slots=True)
class ExportPage:
    """A page of entries; ``next_cursor`` None at the end."""

    entries: list[Entry]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class _Listed:
    """Documents of an owner: the collection, the prefix of their order keys, and what the owner sees of one."""

    collection: str
    prefix: Callable[[str], str]
    shown: Callable[[Core, Document], JSON]


_DOCUMENTS = {
    "share": _Listed(SHARES, order_of, lambda core, each: share_of_document(each).shown(core.settings.public_url)),
    "folder": _Listed(FOLDERS, lambda owner: f"{owner_segment(owner)}/", lambda core, each: dict(each.body)),
    "trashed_folder": _Listed(TRASHED, prefix_of_entries, lambda core, each: dict(each.body)),
    "card": _Listed(CARDS, lambda owner: f"{owner_segment(owner)}/", lambda core, each: shown(each)),
    "card_session": _Listed(
        SESSIONS, lambda owner: f"{owner_segment(owner)}/", lambda core, each: session_of(each).shown()
    ),
    "notices": _Listed(
        INBOXES,
        lambda owner: f"{owner_segment(owner)}/",
        lambda core, each: {"notices": [shown_notice(entry) for entry in inbox_of(each).entries]},
    ),
    "notice_channel": _Listed(
        CHANNELS, lambda owner: f"{owner_segment(owner)}/", lambda core, each: shown_channel(each)
    ),
}
# In this order, behind the account.
_SECTIONS = (*_DOCUMENTS, *Section)


def export_page(core: Core, identity: Identity, cursor: str | None) -> ExportPage:
    """Return the next page of what is kept about the person. Raises BadRequest for what is no cursor."""
    if cursor is None:
        return ExportPage(_about_account(core, identity), _place(_SECTIONS[0]))
    section, place = _parsed(cursor)
    read = _read_documents if section in _DOCUMENTS else _read_files
    entries, following = read(core, identity.owner, section, place)
    if following is None and section != _SECTIONS[-1]:
        following = _place(_SECTIONS[_SECTIONS.index(section) + 1])
    return ExportPage(entries, following)


def _about_account(core: Core, identity: Identity) -> list[Entry]:
    entries: list[Entry] = [("account", require_account(core, identity.owner).shown())]
    entries += [("session", each) for each in list_sessions(core, identity)]
    return entries + [("key", each) for each in list_keys(core, identity)]


def _read_documents(core: Core, owner: str, section: str, place: list[str]) -> tuple[list[Entry], str | None]:
    listed = _DOCUMENTS[section]
    prefix = listed.prefix(owner)
    query = DocumentQuery(collection=listed.collection, prefix=prefix, limit=PAGE)
    if place:
        order, document_id = place
        query = replace(query, after=DocumentPosition(prefix + order, document_id))
    page = documents_of(core).find_documents(query, now=core.clock())
    following = page.next_position
    return (
        [(section, listed.shown(core, each)) for each in page.documents],
        _place(section, following.order.removeprefix(prefix), following.document_id) if following else None,
    )


def _read_files(core: Core, owner: str, section: str, place: list[str]) -> tuple[list[Entry], str | None]:
    query = ListQuery(owner=owner, section=Section(section), order_by="created_at", descending=False, limit=PAGE)
    after = decode_cursor(query, *place) if place else None
    page = core.metadata.find(replace(query, after=after))
    entries: list[Entry] = [("file", record) for record in page.records]
    entries += [("unreadable_file", {"file_id": file_id}) for file_id in page.unreadable]
    following = page.next_position
    return entries, _place(section, encode_cursor(query, following)) if following else None


def _parsed(cursor: str) -> tuple[str, list[str]]:
    """Return the section and the place in it, empty for its beginning. The owner is not in it. Raises BadRequest."""
    try:
        section, *place = json.loads(cursor)
        lengths = {0, 2} if section in _DOCUMENTS else {0, 1}
        if section in _SECTIONS and len(place) in lengths and all(each.encode() for each in place):
            return section, place
    except (ValueError, TypeError, AttributeError, RecursionError):
        # It is none of ours.
        pass
    raise bad_request("cursor", "Not a cursor.")


def _place(section: str, *place: str) -> str:
    return json.dumps([section, *place])
