"""The doors of operations: ``/healthz``, ``/readyz``, ``/metrics`` and ``/openapi.json``.

With an operation address, the public one tells only that the process lives and is ready.
"""

from __future__ import annotations

import asyncio
import time

from aiohttp import web

from files_service.gateway.openapi import TEXT, reply, serve_document
from files_service.gateway.readiness import readiness_of
from files_service.gateway.replies import json_reply
from files_service.gateway.routes import Door, Route, at
from files_service.gateway.state import Gateway
from files_service.gateway.threads import Threads
from files_service.runtime.metrics import CONTENT_TYPE


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
    ready, parts = await readiness_of(request)
    return json_reply({"ready": ready, "parts": parts}, 200 if ready else 503)


async def ready(request: web.Request) -> web.StreamResponse:
    """Reply with the readiness of the whole."""
    is_ready, _ = await readiness_of(request)
    return json_reply({"ready": is_ready}, 200 if is_ready else 503)


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
