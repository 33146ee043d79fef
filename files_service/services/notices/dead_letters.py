"""Dead letters of the queue door: told when there are more of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from files_service.core import Core
from files_service.domain.notices import Kind, Notice
from files_service.services.accounts import documents
from files_service.services.notices.disks import MARKS
from files_service.services.notices.outbox import Wanted, add_notices

_DEAD = "dead_letters"


def look_at_dead_letters(core: Core, wanted: Wanted, count: Callable[[], int | None]) -> None:
    """Count the dead letters, and tell when there are more than before. ``count`` returns None when it cannot."""
    letters = count()
    mark = documents.find(core, MARKS, _DEAD)
    before = mark.body["letters"] if mark is not None else 0
    if letters is None or letters == before:
        return
    if letters > before:
        key = f"dead_letters/{mark.revision if mark is not None else 0}"
        facts = {"letters": letters, "new": letters - before}
        add_notices(core, wanted, [Notice(kind=Kind.DEAD_LETTERS, key=key, at=core.clock(), facts=facts)])
    documents.put(core, replace(mark or documents.new_document(MARKS, _DEAD, {}), body={"letters": letters}))
