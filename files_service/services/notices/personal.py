"""Channels of owners: where they want to be told of their own cards and uploads.

The address is a secret: no answer has it, not even the answer to the call that brings it. The notifier alone reads it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from files_service.core import Core
from files_service.domain.notice_addresses import service_of
from files_service.domain.notices import PERSONAL, Kind, Notice, is_wanted
from files_service.domain.uploads import owner_segment
from files_service.errors import NotFound, NotSupported, TooLarge, bad_request
from files_service.services.accounts import documents
from files_service.services.accounts.identity import is_closed
from files_service.services.files import require_acts_for
from storage_adapters import JSON, Document

CHANNELS = "notice_channels"
MOST_CHANNELS = 10
# No name of a channel of the installation begins with it.
MARK = "@"


def list_channels(core: Core, actor: str | None, owner: str) -> JSON:
    """Return the channels of an owner without their addresses, by name. Raises Forbidden."""
    require_acts_for(owner, actor)
    found = sorted(channel_documents(core, owner), key=lambda each: str(each.body["name"]))
    return {"channels": [shown(each) for each in found], "services": sorted(core.settings.notice_services)}


def set_channel(
    core: Core,
    actor: str | None,
    owner: str,
    name: str,
    *,
    url: str | None,
    kinds: Sequence[Kind],
    quiet_hours: Sequence[int] | None,
) -> JSON:
    """Make a channel, or change one; without ``url`` it keeps its address.

    Raises Forbidden, NotSupported where owners have no channels, BadRequest that never repeats the address, TooLarge.
    """
    require_acts_for(owner, actor)
    if not core.settings.notice_services:
        raise NotSupported("this installation permits no channels of owners", {"capability": "notice_channels"})
    service = _service_of(core, url) if url is not None else None
    now = core.clock()

    def decide(before: Document | None) -> Document:
        if before is None and url is None:
            raise bad_request("url", "A new channel needs an address.")
        if before is None and len(channel_documents(core, owner)) >= MOST_CHANNELS:
            raise TooLarge("the owner has too many channels", {"limit": MOST_CHANNELS})
        body = dict(before.body) if before is not None else {"owner": owner, "name": name, "created_at": now}
        body |= {"url": url, "service": service} if url is not None else {}
        body |= {"kinds": sorted(set(kinds)), "quiet_hours": list(quiet_hours) if quiet_hours else None}
        document = before or documents.new_document(CHANNELS, _id_of(owner, name), {}, order=_order(owner, name))
        return replace(document, body=body)

    stored = documents.change(core, CHANNELS, _id_of(owner, name), decide)
    assert stored is not None
    return shown(stored)


def remove_channel(core: Core, actor: str | None, owner: str, name: str) -> JSON:
    """Remove a channel; what waits for it is dropped. Raises Forbidden."""
    require_acts_for(owner, actor)
    document = documents.find(core, CHANNELS, _id_of(owner, name))
    while document is not None and not documents.delete(core, document):
        document = documents.find(core, CHANNELS, document.document_id)
    return {"name": name, "removed": True}


def find_channel(core: Core, actor: str | None, owner: str, name: str) -> Document:
    """Return a channel. Raises Forbidden, NotFound."""
    require_acts_for(owner, actor)
    document = documents.find(core, CHANNELS, _id_of(owner, name))
    if document is None:
        raise NotFound("there is no such channel", {"name": name[:100]})
    return document


def channel_documents(core: Core, owner: str) -> list[Document]:
    """Return the channels of an owner."""
    return list(documents.walk(core, CHANNELS, f"{owner_segment(owner)}/"))


def keys_of(core: Core, notice: Notice) -> list[str]:
    """Return the keys in the outbox of the channels of the notice's owner that ask for it.

    A person whose account is disabled is told no more of its files than a token would.
    """
    if not notice.owner or notice.kind not in PERSONAL or not core.settings.notice_services:
        return []
    if is_closed(core, notice.owner):
        return []
    found = channel_documents(core, notice.owner)
    return [key_of(each) for each in found if is_wanted(notice.kind, each.body["kinds"])]


def key_of(channel: Document) -> str:
    """Return the key of a channel in the outbox."""
    return f"{MARK}{channel.document_id}"


def find_by_key(core: Core, key: str) -> Document | None:
    """Return the channel of a key.

    None when it was removed, its service is no longer permitted, or its owner's account is disabled.
    """
    document = documents.find(core, CHANNELS, key.removeprefix(MARK))
    if document is None or document.body["service"] not in core.settings.notice_services:
        return None
    return None if is_closed(core, document.body["owner"]) else document


def _service_of(core: Core, url: str) -> str:
    service = service_of(url)
    if service not in core.settings.notice_services or service is None:
        raise bad_request("url", f"Must be a whole address of {' or '.join(sorted(core.settings.notice_services))}.")
    return service


def _id_of(owner: str, name: str) -> str:
    return hashlib.sha256(f"{owner_segment(owner)}/{name}".encode()).hexdigest()


def _order(owner: str, name: str) -> str:
    return f"{owner_segment(owner)}/{name}"


def shown(document: Document) -> JSON:
    """Return a channel without its address."""
    body = document.body
    named = {name: body[name] for name in ("owner", "name", "service", "kinds", "quiet_hours", "created_at")}
    return {**named, "updated_at": document.updated_at}
