"""The timeline of an owner: the months in which it has pictures and videos, and the files of a month.

The months are what the worker has counted. The files of a month are read from the order by creation, from the end of
the month to its beginning, a bounded number per page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from files_service.core import Core
from files_service.domain.analytics import IMAGE, VIDEO, kind_of, limits_of_month, merged
from files_service.domain.listing import decode_cursor, encode_cursor
from files_service.services.analytics.documents import of_owner, read, sum_document
from files_service.services.files import require_acts_for
from storage_adapters import JSON, Condition, FileRecord, ListQuery, Position

SHOWN = (IMAGE, VIDEO)
# Reads per call, and files that each of them looks at, whatever their kind.
_MOST_READS = 10
_MOST_AT_ONCE = 200


def months(core: Core, owner: str, kinds: Sequence[str], *, actor: str | None) -> list[JSON]:
    """Return the months with files of these kinds, the newest first. Raises Forbidden."""
    require_acts_for(owner, actor)
    [document] = read(core, [sum_document(of_owner(owner))])
    found = []
    for month, tallies in sorted(document.body["months"].items(), reverse=True):
        by_kind = merged({key.partition("/")[0]: (count, size)} for key, (count, size) in tallies.items())
        shown = {kind: {"count": by_kind[kind][0], "bytes": by_kind[kind][1]} for kind in kinds if kind in by_kind}
        if shown:
            whole = {name: sum(each[name] for each in shown.values()) for name in ("count", "bytes")}
            found.append({"month": month, **whole, "by_kind": shown})
    return found


def files_of_month(
    core: Core, owner: str, month: str, kinds: Sequence[str], *, actor: str | None, limit: int, cursor: str | None
) -> tuple[list[FileRecord], str | None]:
    """Return a page of the files of a month, the newest first, and the cursor of the next one.

    Raises Forbidden, and BadQuery for a cursor of another list.
    """
    require_acts_for(owner, actor)
    start, end = limits_of_month(month)
    query = _query(owner, start, end, kinds)
    position = Position(value=end, file_id="") if cursor is None else decode_cursor(query, cursor)
    found: list[FileRecord] = []
    for number in range(_MOST_READS):
        page = core.metadata.find(replace(query, after=position, limit=min(limit << number, _MOST_AT_ONCE)))
        core.lists.note_unreadable(page)
        wanted = [record for record in page.records if kind_of(record.content_type) in kinds]
        for record in wanted[: limit - len(found)]:
            found.append(record)
            position = Position(value=record.created_at, file_id=record.file_id)
        if len(found) < limit:
            following = page.next_position
            if following is None or not isinstance(following.value, int) or following.value < start:
                return found, None
            position = following
        else:
            break
    return found, encode_cursor(query, position)


def _query(owner: str, start: int, end: int, kinds: Sequence[str]) -> ListQuery:
    limits = (Condition(field="created_at", op="gte", value=start), Condition(field="created_at", op="lt", value=end))
    of_kind = [Condition(field="content_type", op="prefix", value=f"{kind}/") for kind in kinds if len(kinds) == 1]
    return ListQuery(
        owner=owner,
        order_by="created_at",
        conditions=(*limits, *of_kind),
        scan_limit=_MOST_AT_ONCE,
    )
