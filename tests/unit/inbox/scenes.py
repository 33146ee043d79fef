"""What tests of the inbox do again and again."""

from __future__ import annotations

from typing import Any

from files_service.core import Core
from files_service.services.files import require
from files_service.services.inbox.feed import CONSUMER
from files_service.worker.inboxes import Inboxes
from storage_adapters import JSON, SupportsChanges
from tests.cores import call


def settle(core: Core, worker: Inboxes | None = None) -> Inboxes:
    """Let a worker read all that is there."""
    worker = worker or Inboxes(core, holder=core.new_id())
    feed = require(core.metadata, SupportsChanges)
    worker.step()
    while feed.changes(after=feed.checkpoint(CONSUMER), limit=1):
        worker.step()
    return worker


def notices(core: Core, owner: str = "ann", **given: Any) -> list[JSON]:
    """The notices of an owner, the newest first."""
    found: list[JSON] = call(core, "notices.list", owner=owner, actor=owner, **given)["notices"]
    return found


def unread(core: Core, owner: str = "ann") -> int:
    """The number of notices that the owner has not read."""
    return int(call(core, "notices.list", owner=owner)["unread"])
