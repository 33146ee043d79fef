"""Query parameters of requests."""

from __future__ import annotations

from aiohttp import web

from files_service.gateway.replies import bad_field

_FLAGS = {"1": True, "true": True, "0": False, "false": False}


def flag(request: web.Request, name: str) -> bool:
    """Return True when the boolean parameter is set, False when it is absent. Raises HTTPError."""
    value = request.query.get(name, "0").lower()
    if value not in _FLAGS:
        raise bad_field(name, "Must be 1 or 0.")
    return _FLAGS[value]


def texts(request: web.Request, name: str) -> list[str]:
    """Return a list parameter: repeated, or several values with commas between."""
    return [each.strip() for value in request.query.getall(name, []) for each in value.split(",") if each.strip()]
