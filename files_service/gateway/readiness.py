"""Readiness of the gateway and of its parts, checked at most once in a while."""

from __future__ import annotations

import asyncio
import logging
import time

from aiohttp import web

from files_service.gateway.state import gateway_of
from files_service.gateway.threads import Threads
from files_service.messaging.readiness import NotReady, Part
from storage_adapters import JSON

logger = logging.getLogger(__name__)


class Check:
    """The readiness check of one part: one at a time, in a thread of its own, with a cached result."""

    def __init__(self, part: Part, *, least_lifetime_seconds: float) -> None:
        self.part = part
        self._lifetime = max(part.lifetime_seconds, least_lifetime_seconds)
        self._thread = Threads(f"check-{part.name}", 1)
        self._asked: asyncio.Future[JSON] | None = None
        self._asked_at = 0.0

    async def result(self, timeout_seconds: float) -> JSON:
        """Return ``{"ok": true, "ms": …}``, or the error. A part that hangs is checked once, and is not ok."""
        now = time.monotonic()
        if self._asked is None or (self._asked.done() and now - self._asked_at > self._lifetime):
            self._asked, self._asked_at = self._thread.submit(self._measure), now
        done, _ = await asyncio.wait({self._asked}, timeout=timeout_seconds)
        return self._asked.result() if done else {"ok": False, "error": f"no answer within {timeout_seconds:g} s"}

    def close(self) -> None:
        """Close the thread."""
        self._thread.close()

    def _measure(self) -> JSON:
        started = time.perf_counter()
        try:
            self.part.check()
        except NotReady as error:
            return {"ok": False, "error": str(error)}
        except Exception as error:  # noqa: BLE001 - with any error the part cannot be used
            # The message may name hosts and stays in the log.
            logger.warning("a part does not answer", extra={"part": self.part.name, "error": str(error)})
            return {"ok": False, "error": "does not answer"}
        return {"ok": True, "ms": round((time.perf_counter() - started) * 1000, 1)}


CHECKS = web.AppKey("checks", tuple[Check, ...])


async def readiness_of(request: web.Request) -> tuple[bool, JSON]:
    """Return True when the gateway is ready, and the readiness of each part."""
    gateway = gateway_of(request)
    checks = request.config_dict[CHECKS]
    results = await asyncio.gather(*(check.result(gateway.limits.ping_seconds) for check in checks))
    parts = {check.part.name: result for check, result in zip(checks, results, strict=True)}
    for check in checks:
        if not check.part.required:
            parts[check.part.name] |= {"required": False}
    parts["gateway"] = {"ok": False, "error": "stopping"} if gateway.stopping else {"ok": True}
    return all(part["ok"] or not part.get("required", True) for part in parts.values()), parts
