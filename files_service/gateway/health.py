"""``/healthz``: the process lives. ``/readyz``: what it needs works. ``/metrics``: what it has counted."""

from __future__ import annotations

import asyncio
import logging
import time

from aiohttp import web

from files_service.gateway.replies import json_reply
from files_service.gateway.state import gateway_of
from files_service.gateway.transfer.threads import Threads
from files_service.messaging.readiness import NotReady, Part
from files_service.runtime.metrics import CONTENT_TYPE
from storage_adapters import JSON

logger = logging.getLogger(__name__)


class Check:
    """Asks one part whether it can answer: one question at a time, in a thread of its own, and the answer is kept."""

    def __init__(self, part: Part, *, least_lifetime_seconds: float) -> None:
        self.part = part
        self._lifetime = max(part.lifetime_seconds, least_lifetime_seconds)
        self._thread = Threads(f"check-{part.name}", 1)
        self._asked: asyncio.Future[JSON] | None = None
        self._asked_at = 0.0

    async def result(self, timeout_seconds: float) -> JSON:
        """``{"ok": true, "ms": …}``, or what is wrong. A part that hangs is asked once, and is not ok."""
        now = time.monotonic()
        if self._asked is None or (self._asked.done() and now - self._asked_at > self._lifetime):
            self._asked, self._asked_at = self._thread.submit(self._measure), now
        done, _ = await asyncio.wait({self._asked}, timeout=timeout_seconds)
        return self._asked.result() if done else {"ok": False, "error": f"no answer within {timeout_seconds:g} s"}

    def close(self) -> None:
        """Give the thread up."""
        self._thread.close()

    def _measure(self) -> JSON:
        started = time.perf_counter()
        try:
            self.part.check()
        except NotReady as error:
            return {"ok": False, "error": str(error)}
        except Exception as error:  # noqa: BLE001 - whatever it is, the part cannot be used
            # What it says may name hosts and stays in the log.
            logger.warning("a part does not answer", extra={"part": self.part.name, "error": str(error)})
            return {"ok": False, "error": "does not answer"}
        return {"ok": True, "ms": round((time.perf_counter() - started) * 1000, 1)}


CHECKS = web.AppKey("checks", tuple[Check, ...])


async def healthz(request: web.Request) -> web.StreamResponse:
    """Say that the process lives."""
    return json_reply({"ok": True})


async def readyz(request: web.Request) -> web.StreamResponse:
    """Say whether requests can be served now, part by part."""
    gateway = gateway_of(request)
    checks = request.app[CHECKS]
    results = await asyncio.gather(*(check.result(gateway.limits.ping_seconds) for check in checks))
    parts = {check.part.name: result for check, result in zip(checks, results, strict=True)}
    for check in checks:
        if not check.part.required:
            parts[check.part.name] |= {"required": False}
    parts["gateway"] = {"ok": False, "error": "stopping"} if gateway.stopping else {"ok": True}
    ready = all(part["ok"] or not part.get("required", True) for part in parts.values())
    return json_reply({"ready": ready, "parts": parts}, 200 if ready else 503)


async def metrics(request: web.Request) -> web.StreamResponse:
    """Expose the counters."""
    return web.Response(body=gateway_of(request).metrics.exposition(), headers={"Content-Type": CONTENT_TYPE})
