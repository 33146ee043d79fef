"""Test messages to the channels of owners; the notifier sends them, also in quiet hours."""

from __future__ import annotations

from files_service.core import Core
from files_service.domain.notices import Kind, Notice
from files_service.services.notices.outbox import add_for
from files_service.services.notices.personal import find_channel, key_of, shown
from storage_adapters import JSON

_ONCE_MS = 60_000


def try_channel(core: Core, actor: str | None, owner: str, name: str) -> JSON:
    """Have a test message sent, at most one a minute; return the channel. Raises Forbidden, NotFound."""
    channel, now = find_channel(core, actor, owner, name), core.clock()
    key = f"test/{channel.document_id}/{now // _ONCE_MS}"
    add_for(core, key_of(channel), Notice(kind=Kind.TEST, key=key, at=now, owner=owner, facts={"channel": name}))
    return shown(channel)
