"""Query parameters of requests."""

from __future__ import annotations

import orjson
from aiohttp import web

from files_service.gateway.replies import bad_field
from storage_adapters import JSON

# More than any number has.
_DIGITS = 16
# Parameters that may be repeated, as ``texts`` reads them.
LISTS = frozenset({"tags", "fields"})
_FLAGS = {"1": True, "true": True, "0": False, "false": False}


def flag(request: web.Request, name: str) -> bool:
    """Return True when the boolean parameter is set, False when it is absent. Raises HTTPError."""
    value = request.query.get(name, "0").lower()
    if value not in _FLAGS:
        raise bad_field(name, "Must be 1 or 0.")
    return _FLAGS[value]


def number(request: web.Request, name: str, default: int, low: int, high: int) -> int:
    """Return a parameter that is a number in this range. Raises HTTPError."""
    value = request.query.get(name, str(default))
    if not value.isascii() or not value.isdecimal() or len(value) > _DIGITS or not low <= int(value) <= high:
        raise bad_field(name, f"Must be a number from {low} to {high}.")
    return int(value)


def texts(request: web.Request, name: str) -> list[str]:
    """Return a list parameter: repeated, or several values with commas between."""
    return [each.strip() for value in request.query.getall(name, []) for each in value.split(",") if each.strip()]


def json_object(text: str) -> JSON | None:
    """Return the object of a JSON text, {} for an empty one, None for any other."""
    try:
        found = orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None
