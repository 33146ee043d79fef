"""Parsing of ``files.list`` filters into a query, and cursors. Pure.

A cursor is bound to its query: it is rejected with any other filter, order or scope, and when it was altered.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Collection, Mapping
from typing import Any

from storage_adapters import FIELDS, OPERATORS, ORDERS, Condition, Kind, ListQuery, Position, tag_form

MAX_INTEGER = 2**53 - 1
MAX_CONDITIONS = 20
MAX_VALUES = 100
MAX_TEXT = 1_000
_PYTHON_TYPES = {Kind.TEXT: str, Kind.INTEGER: int, Kind.BOOLEAN: bool, Kind.TAGS: str}


class BadQuery(ValueError):
    """An invalid field, operator, value or cursor; ``field`` is its path: ``filter.size.gt``."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def parse_filter(filters: Mapping[str, Any], *, hidden: Collection[str] = ()) -> tuple[Condition, ...]:
    """Parse ``{field: {op: value}}`` or ``{field: value}`` into conditions; reject the hidden fields.

    Raises BadQuery.
    """
    conditions: list[Condition] = []
    for field, spec in filters.items():
        if field not in FIELDS:
            raise BadQuery(f"filter.{field}", f"Not a filterable field; known fields: {', '.join(FIELDS)}.")
        if field.partition(".")[0] in hidden:
            raise BadQuery(f"filter.{field}", "Only the owner may filter by this field.")
        operations = spec if isinstance(spec, Mapping) else {"eq": spec}
        conditions += [_condition(field, op, value) for op, value in operations.items()]
    if len(conditions) > MAX_CONDITIONS:
        raise BadQuery("filter", f"At most {MAX_CONDITIONS} conditions.")
    return tuple(conditions)


def _condition(field: str, op: str, value: Any) -> Condition:
    kind, path = FIELDS[field], f"filter.{field}.{op}"
    if op not in OPERATORS[kind]:
        raise BadQuery(path, f"Not an operator for {kind.value}; known: {', '.join(sorted(OPERATORS[kind]))}.")
    if op in ("exists", "empty"):
        _require(path, value, bool)
    elif op == "in":
        if not isinstance(value, list) or not 1 <= len(value) <= MAX_VALUES:
            raise BadQuery(path, f"Must be a list of 1 to {MAX_VALUES} values.")
        for each in value:
            _require(path, each, _PYTHON_TYPES[kind])
    else:
        _require(path, value, _PYTHON_TYPES[kind])
    if kind is Kind.TAGS and op == "contains":
        value = tag_form(value)
    return Condition(field=field, op=op, value=value)


def _require(path: str, value: Any, wanted: type) -> None:
    # bool is a subclass of int in Python, so it needs its own check.
    if type(value) is not wanted:
        raise BadQuery(path, f"Must be a value of type {wanted.__name__}.")
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        raise BadQuery(path, "Must be an integer of at most 53 bits.")
    if isinstance(value, str) and (len(value) > MAX_TEXT or not _encodable(value)):
        raise BadQuery(path, f"Must be Unicode text of at most {MAX_TEXT} characters.")


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _mark(query: ListQuery, value: Any, file_id: Any) -> str:
    """Return a digest of everything that a position in the query depends on."""
    parts = (
        query.owner,
        query.public_only,
        query.access,
        query.status,
        query.tags,
        [(c.field, c.op, c.value) for c in query.conditions],
        query.search,
        query.order_by,
        query.descending,
        query.section,
        query.prefix,
        query.delimiter,
        value,
        file_id,
    )
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _place(query: ListQuery, value: Any, file_id: Any) -> bytes:
    return json.dumps([_mark(query, value, file_id), value, file_id], separators=(",", ":")).encode()


def encode_cursor(query: ListQuery, position: Position) -> str:
    """Encode a position as an opaque cursor."""
    return base64.urlsafe_b64encode(_place(query, position.value, position.file_id)).decode().rstrip("=")


def decode_cursor(query: ListQuery, cursor: str) -> Position:
    """Decode a cursor. Raises BadQuery when it is invalid, altered, or from another query."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        place = base64.b64decode(padded, altchars=b"-_", validate=True)
        _, value, file_id = json.loads(place)
        # The bytes are compared, because JSON has several spellings for one text.
        genuine = place == _place(query, value, file_id)
    except (ValueError, TypeError, RecursionError):
        raise BadQuery("cursor", "Not a cursor.") from None
    if not genuine:
        raise BadQuery("cursor", "This cursor was altered or belongs to another query.")
    # The mark is a checksum, not a signature: a forged cursor can name any position, but no value of a wrong type.
    wanted = str if query.order_by in ("name", "path") else int
    if not isinstance(file_id, str) or (value is not None and type(value) is not wanted):
        raise BadQuery("cursor", "Not a cursor.")
    if not _encodable(file_id) or (isinstance(value, str) and not _encodable(value)):
        raise BadQuery("cursor", "Not a cursor.")
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        raise BadQuery("cursor", "Not a cursor.")
    return Position(value=value, file_id=file_id)


assert set(ORDERS) <= set(FIELDS), "every sort field must be a filterable field"
