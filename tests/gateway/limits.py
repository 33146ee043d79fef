"""Limits that tests can meet."""

from __future__ import annotations

from files_service.gateway.limits import Limits

# By the clock of the gateway's loop, which tests put forward.
IDLE_SECONDS = 60


def small_limits() -> Limits:
    return Limits(websocket_idle_seconds=IDLE_SECONDS, upload_idle_seconds=IDLE_SECONDS)
