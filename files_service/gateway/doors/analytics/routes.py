"""The table of ``/api/analytics`` and ``/api/timeline``."""

from __future__ import annotations

from files_service.domain.analytics import SHOWN
from files_service.domain.scopes import ANALYTICS, READ
from files_service.gateway.auth.callers import by_bearer_or_session
from files_service.gateway.doors.analytics import storage, timeline
from files_service.gateway.openapi import TEXT, query, reply
from files_service.gateway.routes import Door, Route, at

_ANALYTICS, _TIMELINE = "/api/analytics", "/api/timeline"
_STORAGE, _TYPES = "Bytes, quota, trash, versions, and the last days.", "Number and bytes of files by kind."
_MONTHS = "The months of pictures and videos, or a page of those of a month."
_ABOUT = {"owner": TEXT, "tenant": TEXT, "all": {"type": "boolean"}}
_DAYS = {"type": "integer", "minimum": 1, "maximum": 366}
_MONTH = {
    "owner": TEXT,
    "month": {**TEXT, "description": "Such as 2026-07."},
    "kind": {"type": "string", "enum": list(SHOWN)},
    "limit": {"type": "integer", "minimum": 1, "maximum": 100},
    "cursor": TEXT,
}

DOOR = Door(
    name="analytics",
    match=at(f"{_ANALYTICS}/", _TIMELINE),
    routes=(
        Route(
            "GET",
            f"{_ANALYTICS}/storage",
            storage.storage,
            "storage",
            _STORAGE,
            {200: reply(_STORAGE)},
            query(**_ABOUT, days=_DAYS),
            scope=ANALYTICS,
        ),
        Route(
            "GET",
            f"{_ANALYTICS}/file-types",
            storage.file_types,
            "file_types",
            _TYPES,
            {200: reply(_TYPES)},
            query(**_ABOUT),
            scope=ANALYTICS,
        ),
        Route(
            "GET",
            _TIMELINE,
            timeline.timeline,
            "timeline",
            _MONTHS,
            {200: reply(_MONTHS)},
            query(**_MONTH),
            tag="files",
            scope=READ,
        ),
    ),
    authenticate=by_bearer_or_session,
    sessions=True,
    tag="analytics",
    errors=(400, 401, 403, 404, 405, 500, 501, 503),
)
