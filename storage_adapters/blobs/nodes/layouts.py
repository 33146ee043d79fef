"""The layout that an adapter works with: from any controller, kept in memory and in a file.

While no controller answers, the last layout is used. A layout that is older than the one in use is never taken: a
controller whose store came back empty does not make nodes disappear.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from storage_adapters.blobs.nodes.authentication import CONTROLLER, SignedRequest
from storage_adapters.blobs.nodes.calls import wall_clock_ms
from storage_adapters.blobs.nodes.http import NoReply, SignedClient
from storage_adapters.blobs.nodes.protocol.layout import Layout
from storage_adapters.blobs.nodes.protocol.wire import layout_from_json, layout_to_json
from storage_adapters.errors import StorageUnavailable

FRESH_SECONDS = 5.0
TIMEOUT_SECONDS = 3.0
PATH = "/layout"


class LayoutSource:
    """The current layout; threads may share it. ``cache`` is the file that outlives the process, None: none."""

    def __init__(
        self,
        client: SignedClient,
        controllers: Sequence[str],
        cache: Path | None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._controllers, self._cache, self._clock = client, tuple(controllers), cache, clock
        self._lock = threading.Lock()
        self._refreshing = threading.Lock()
        self._layout = _read(cache)
        self._asked_at = -FRESH_SECONDS

    def current(self) -> Layout:
        """Return the layout in use; one that is not fresh is refreshed beside. Raises StorageUnavailable."""
        layout = self._layout
        if layout is None:
            self.refresh()
            if self._layout is None:
                raise StorageUnavailable("no controller of the nodes answers, and no layout is known yet")
            return self._layout
        if self._clock() - self._asked_at >= FRESH_SECONDS and self._refreshing.acquire(blocking=False):
            self._asked_at = self._clock()
            threading.Thread(target=self._refresh_beside, name="layout", daemon=True).start()
        return layout

    def refresh(self) -> bool:
        """Ask the controllers in turn; return True when one has answered."""
        for url in self._controllers:
            found = self._ask(url)
            if found is not None:
                self._take(found)
                return True
        return False

    def _refresh_beside(self) -> None:
        try:
            self.refresh()
        finally:
            self._refreshing.release()

    def _ask(self, url: str) -> Layout | None:
        request = SignedRequest("GET", PATH, CONTROLLER)
        with suppress(NoReply, ValueError):
            reply = self._client.request(url, request, now=wall_clock_ms(), timeout=TIMEOUT_SECONDS)
            if reply.status == 200:
                return layout_from_json(reply.body)
        return None

    def _take(self, layout: Layout) -> None:
        with self._lock:
            self._asked_at = self._clock()
            known = self._layout
            if known is not None and layout.version <= known.version:
                return
            self._layout = layout
            if self._cache is not None:
                # A copy that cannot be kept is fetched again after the next start.
                with suppress(OSError):
                    _write(self._cache, layout_to_json(layout))


def _read(cache: Path | None) -> Layout | None:
    if cache is not None:
        with suppress(OSError, ValueError):
            return layout_from_json(cache.read_bytes())
    return None


def _write(path: Path, data: bytes) -> None:
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
