"""The doors of operations: ``/healthz``, ``/readyz``, ``/metrics`` and ``/openapi.json``.

With an operation address, the public one tells only that the process lives and is ready.
"""

from __future__ import annotations

import asyncio
import logging
import time

from aiohttp import web

from files_service.gateway.openapi import TEXT, reply, serve_document
from files_service.gateway.replies import json_reply
from files_service.gateway.routes import Door, Route, at
from files_service.gateway.state import Gateway, gateway_of
from files_service.gateway.threads import Threads
from files_service.messaging.readiness import NotReady, Part
from files_service.runtime.metrics import CONTENT_TYPE
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


class Exposition:
    """The metrics as text: built in a thread for all who wait, and never for most of the time."""

    def __init__(self, gateway: Gateway) -> None:
        self._build = gateway.metrics.exposition
        self._thread = Threads("metrics", 1)
        self._next: asyncio.Task[bytes] | None = None
        self._last: asyncio.Task[bytes] | None = None
        self._rest_until = 0.0

    async def next(self) -> bytes:
        """Return metrics that are read after this call."""
        if self._next is None:
            self._next = asyncio.ensure_future(self._after(self._last))
        return await asyncio.shield(self._next)

    def close(self) -> None:
        """Close the thread."""
        self._thread.close()

    async def _after(self, last: asyncio.Task[bytes] | None) -> bytes:
        if last is not None:
            await asyncio.wait((last,))
        await asyncio.sleep(self._rest_until - time.monotonic())
        self._last, self._next = self._next, None
        started = time.monotonic()
        try:
            return await self._thread.run(self._build)
        finally:
            self._rest_until = time.monotonic() + _REST * (time.monotonic() - started)


async def _close(app: web.Application) -> None:
    app[EXPOSITION].close()


EXPOSITION = web.AppKey("exposition", Exposition)
# The pause after building the metrics, in times of what it took: its thread takes the interpreter from the loop.
_REST = 20


async def healthz(request: web.Request) -> web.StreamResponse:
    """Reply that the process lives."""
    return json_reply({"ok": True})


async def readyz(request: web.Request) -> web.StreamResponse:
    """Reply with the readiness of each part."""
    ready, parts = await _readiness(request)
    return json_reply({"ready": ready, "parts": parts}, 200 if ready else 503)


async def ready(request: web.Request) -> web.StreamResponse:
    """Reply with the readiness of the whole."""
    is_ready, _ = await _readiness(request)
    return json_reply({"ready": is_ready}, 200 if is_ready else 503)


async def _readiness(request: web.Request) -> tuple[bool, JSON]:
    gateway = gateway_of(request)
    checks = request.config_dict[CHECKS]
    results = await asyncio.gather(*(check.result(gateway.limits.ping_seconds) for check in checks))
    parts = {check.part.name: result for check, result in zip(checks, results, strict=True)}
    for check in checks:
        if not check.part.required:
            parts[check.part.name] |= {"required": False}
    parts["gateway"] = {"ok": False, "error": "stopping"} if gateway.stopping else {"ok": True}
    return all(part["ok"] or not part.get("required", True) for part in parts.values()), parts


async def metrics(request: web.Request) -> web.StreamResponse:
    """Reply with the metrics."""
    body = await request.config_dict[EXPOSITION].next()
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})


_LIVENESS = reply("Whether the process lives.")
_READINESS = reply("Whether the stores answer, part by part.")
_COUNTERS = reply("Counters, in the text form of Prometheus.", TEXT, "text/plain")
_OPENAPI = reply("This description.")
_READY = reply("Whether the stores answer.")
_HEALTHZ = Route("GET", "/healthz", healthz, "healthz", _LIVENESS["description"], {200: _LIVENESS})

DOOR = Door(
    name="operation",
    match=at("/healthz", "/readyz", "/metrics", "/openapi.json"),
    routes=(
        _HEALTHZ,
        Route("GET", "/readyz", readyz, "readyz", _READINESS["description"], {200: _READINESS, 503: _READINESS}),
        Route("GET", "/metrics", metrics, "metrics", _COUNTERS["description"], {200: _COUNTERS}),
        Route("GET", "/openapi.json", serve_document, "openapi", _OPENAPI["description"], {200: _OPENAPI}),
    ),
    state={EXPOSITION: Exposition},
    close=_close,
    tag="operation",
    errors=(400, 500),
)
PUBLIC_DOOR = Door(
    name="operation",
    match=at("/healthz", "/readyz"),
    routes=(_HEALTHZ, Route("GET", "/readyz", ready, "readyz", _READY["description"], {200: _READY, 503: _READY})),
    tag="operation",
    errors=(400, 500),
)
