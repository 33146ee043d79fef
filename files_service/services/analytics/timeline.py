"""The timeline of an owner: the months in which it has pictures and videos, and the files of a month.

The months are what the worker has counted. The files of a month are read from the orders by time of capture and by
creation at once, from the end of the month to its beginning, a bounded number per page: a file is in the one in which
its ``taken_at`` stands.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from files_service.core import Core
from files_service.domain.analytics import add, kind_of, limits_of_month, taken_at
from files_service.domain.listing import decode_cursor, encode_cursor
from files_service.services.analytics.documents import CAPTURED, of_owner, read, sum_document
from files_service.services.files import require_acts_for
from storage_adapters import JSON, Condition, FileRecord, ListQuery, Position

# The cursor is one of the first.
_ORDERS = ("created_at", "captured_at")
# Reads of each order per call, and files that each of them looks at, whatever their kind.
_MOST_READS = 10
_MOST_AT_ONCE = 200


def months(core: Core, owner: str, kinds: Sequence[str], *, actor: str | None) -> list[JSON]:
    """Return the months with files of these kinds, the newest first. Raises Forbidden."""
    require_acts_for(owner, actor)
    [document] = read(core, [sum_document(of_owner(owner))])
    found = []
    for month, by_kind in sorted(_by_month(document.body).items(), reverse=True):
        tallies = {kind: by_kind.get(kind, (0, 0)) for kind in kinds}
        shown = {kind: {"count": count, "bytes": size} for kind, (count, size) in tallies.items() if count > 0}
        if shown:
            whole = {name: sum(each[name] for each in shown.values()) for name in ("count", "bytes")}
            found.append({"month": month, **whole, "by_kind": shown})
    return found


def _by_month(body: Mapping[str, Any]) -> dict[str, dict[str, tuple[int, int]]]:
    """Return the tallies of each kind by month: those by creation, without what stands in another month."""
    found: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
    for month, tallies in body["months"].items():
        for key, tally in tallies.items():
            add(found[month], {key.partition("/")[0]: tally}, 1)
    for month, tallies in body.get(CAPTURED, {}).items():
        for key, tally in tallies.items():
            captured, _, kind = key.partition("/")
            add(found[month], {kind: tally}, -1)
            add(found[captured], {kind: tally}, 1)
    return found


def files_of_month(
    core: Core, owner: str, month: str, kinds: Sequence[str], *, actor: str | None, limit: int, cursor: str | None
) -> tuple[list[FileRecord], str | None]:
    """Return a page of the files of a month, the newest first, and the cursor of the next one.

    Raises Forbidden, and BadQuery for a cursor of another list.
    """
    require_acts_for(owner, actor)
    start, end = limits_of_month(month)
    queries = [_query(owner, order_by, start, end, kinds) for order_by in _ORDERS]
    place = Position(value=end, file_id="") if cursor is None else decode_cursor(queries[0], cursor)
    found: list[FileRecord] = []
    for number in range(_MOST_READS):
        size = min(limit << number, _MOST_AT_ONCE)
        shown, reached = _read(core, [replace(query, after=place, limit=size) for query in queries], start, kinds)
        for at, record in shown[: limit - len(found)]:
            found.append(record)
            place = at
        if len(found) == limit:
            break
        if reached is None:
            return found, None
        place = reached
    return found, encode_cursor(queries[0], place)


def _read(
    core: Core, queries: Sequence[ListQuery], start: int, kinds: Sequence[str]
) -> tuple[list[tuple[Position, FileRecord]], Position | None]:
    """Return the files of these kinds up to the place that all orders have reached, and it; None at the end."""
    shown: list[tuple[Position, FileRecord]] = []
    reached: list[Position] = []
    for query in queries:
        page = core.metadata.find(query)
        core.lists.note_unreadable(page)
        for record in page.records:
            order = "captured_at" if record.captured_at == taken_at(record) else "created_at"
            if order == query.order_by and kind_of(record.content_type) in kinds:
                shown.append((Position(value=taken_at(record), file_id=record.file_id), record))
        following = page.next_position
        if following is not None and isinstance(following.value, int) and following.value >= start:
            reached.append(following)
    last = max(reached, key=_order, default=None)
    known = [each for each in shown if last is None or _order(each[0]) >= _order(last)]
    return sorted(known, key=lambda each: _order(each[0]), reverse=True), last


def _order(place: Position) -> tuple[Any, str]:
    return place.value, place.file_id


def _query(owner: str, order_by: str, start: int, end: int, kinds: Sequence[str]) -> ListQuery:
    limits = (Condition(field=order_by, op="gte", value=start), Condition(field=order_by, op="lt", value=end))
    of_kind = [Condition(field="content_type", op="prefix", value=f"{kind}/") for kind in kinds if len(kinds) == 1]
    return ListQuery(
        owner=owner,
        order_by=order_by,
        conditions=(*limits, *of_kind),
        scan_limit=_MOST_AT_ONCE,
    )
