"""Limits that tests can meet."""

from __future__ import annotations

from files_service.gateway.limits import Limits


def small_limits() -> Limits:
    return Limits(websocket_idle_seconds=1.5, upload_idle_seconds=1.5)
