"""The daily digest: what was told in a day, and the files of the service."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace

from files_service.core import Core
from files_service.domain.notices import Kind, Notice
from files_service.services.accounts import documents
from files_service.services.notices.disks import MARKS
from files_service.services.notices.outbox import Wanted, add_notices, logged

_DIGEST = "digest"
_DAY_MS = 24 * 3_600_000
_HOUR_MS = 3_600_000
OFF = -1


def tell_day(core: Core, wanted: Wanted) -> None:
    """Add the digest of the last day, once a day at the hour of the settings (UTC); the first day is no news."""
    hour = core.settings.notice_digest_hour
    if hour == OFF:
        return
    now = core.clock()
    due = (now - hour * _HOUR_MS) // _DAY_MS * _DAY_MS + hour * _HOUR_MS
    mark = documents.find(core, MARKS, _DIGEST)
    if mark is not None and due <= mark.body["at"] <= now:
        return
    total = core.metadata.usage(None).total
    # A mark behind now is of a clock that was ahead.
    if mark is not None and mark.body["at"] < due:
        is_of_the_day_before = mark.body["at"] == due - _DAY_MS
        counts = Counter[str](each.kind for each in logged(core, due - _DAY_MS, due))
        facts = {
            "files": total.files,
            "bytes": total.bytes,
            "files_more": total.files - mark.body["files"] if is_of_the_day_before else 0,
            "counts": {kind.value: counts[kind] for kind in Kind if counts[kind] and kind is not Kind.DIGEST},
        }
        day = time.strftime("%Y-%m-%d", time.gmtime(due / 1_000))
        add_notices(core, wanted, [Notice(kind=Kind.DIGEST, key=f"digest/{day}", at=due, facts=facts)])
    body = {"at": due, "files": total.files}
    documents.put(core, replace(mark or documents.new_document(MARKS, _DIGEST, {}), body=body))
