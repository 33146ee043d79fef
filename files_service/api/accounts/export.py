"""accounts.export: what the service keeps about a person."""

from __future__ import annotations

from files_service.api.accounts.signing import TokenParams
from files_service.api.action import Params, action
from files_service.api.parameters import cursor_field
from files_service.api.wire import to_wire, version_to_wire
from files_service.core import Core
from files_service.domain.access import OWNER_ONLY_OF_PARTS
from files_service.domain.identity import Identity
from files_service.services.accounts.identity import session_of
from files_service.services.export import export_page
from storage_adapters import JSON, FileRecord


class ExportParams(TokenParams):
    """Parameters of accounts.export."""

    cursor = cursor_field("next_cursor of the previous page.")


@action("accounts.export", ExportParams)
def export(params: Params, core: Core) -> JSON:
    """Return one page of what the service keeps about the person who is signed in."""
    return page_of(core, session_of(core, params["token"], fresh=True), params["cursor"])


def page_of(core: Core, identity: Identity, cursor: str | None) -> JSON:
    """Return a page on the wire: each entry with ``type`` and ``value``."""
    page = export_page(core, identity, cursor)
    entries = [
        {"type": kind, "value": _file(value, identity.actor) if isinstance(value, FileRecord) else value}
        for kind, value in page.entries
    ]
    return {"entries": entries, "next_cursor": page.next_cursor}


def _file(record: FileRecord, actor: str) -> JSON:
    """Return a record with all its versions, but not where its bytes lie."""
    shown = to_wire(record, actor)
    for part in shown["parts"]:
        for name in OWNER_ONLY_OF_PARTS:
            del part[name]
    return {**shown, "versions": [version_to_wire(each) for each in record.versions]}
