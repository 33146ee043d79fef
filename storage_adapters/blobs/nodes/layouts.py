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

import orjson

from storage_adapters.blobs.nodes.authentication import CONTROLLER, SignedRequest
from storage_adapters.blobs.nodes.calls import wall_clock_ms
from storage_adapters.blobs.nodes.http import NoReply, SignedClient, refusal
from storage_adapters.blobs.nodes.protocol.layout import Layout
from storage_adapters.blobs.nodes.protocol.wire import layout_from_json, layout_to_json
from storage_adapters.errors import StorageUnavailable
from storage_adapters.records import JSON

LAYOUT_FILE = "nodes-layout.json"
FRESH_SECONDS = 5.0
TIMEOUT_SECONDS = 3.0
PATH = "/layout"
NODES_PATH = "/active-nodes"
# What an older controller does not tell.
_SILENT: JSON = {"free": 0, "state": "", "read_only": False, "zone": "", "medium": "", "url": "", "skew_ms": 0}


class LayoutSource:
    """The current layout; threads may share it. ``cache`` is the file that outlives the process, None: none.

    ``refused`` is why the last controller that answered did not take the request, "" when it did.
    """

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
        self._layout = kept_layout(cache)
        self._asking = threading.Lock()
        self._asked_at = self._answered_at = self._members_at = -FRESH_SECONDS
        self._members: list[JSON] | None = None
        self.refused = ""

    def current(self) -> Layout:
        """Return the layout in use; one that is not fresh is refreshed beside. Raises StorageUnavailable."""
        layout = self._layout
        if layout is None:
            self.refresh()
            if self._layout is None:
                raise StorageUnavailable(f"{self._trouble()}, and no layout is known yet")
            return self._layout
        if self._clock() - self._asked_at >= FRESH_SECONDS and self._refreshing.acquire(blocking=False):
            self._asked_at = self._clock()
            threading.Thread(target=self._refresh_beside, name="layout", daemon=True).start()
        return layout

    def refresh(self) -> bool:
        """Ask the controllers in turn; return True when one has answered since this was called."""
        called = self._clock()
        with self._asking:
            # Others waited, too: one question answers all that were called before it was asked.
            if self._answered_at > called:
                return True
            asked = self._clock()
            for url in self._controllers:
                found = self._ask(url)
                if found is not None:
                    self._take(found)
                    self._answered_at = asked
                    return True
        return False

    def rooms(self) -> list[int] | None:
        """Return the free bytes of the nodes that take chunks, as controllers last told.

        None where no controller tells any, or none of the nodes pings.
        """
        if self._members is None or self._clock() - self._members_at >= FRESH_SECONDS:
            self._members_at = self._clock()
            with suppress(StorageUnavailable):
                self._members = self.members()
        active = [each for each in self._members or () if each["state"] == "active"]
        return [int(each["free"]) for each in active if not each["read_only"]] if active else None

    def members(self) -> list[JSON]:
        """Return the nodes that ping, as a controller tells them. Raises StorageUnavailable."""
        for url in self._controllers:
            body = self._get(url, NODES_PATH)
            with suppress(ValueError, TypeError, KeyError):
                if body is not None:
                    return [{**_SILENT, **each} for each in orjson.loads(body)["nodes"]]
        raise StorageUnavailable(self._trouble())

    def _trouble(self) -> str:
        return self.refused or "no controller of the nodes answers"

    def _refresh_beside(self) -> None:
        try:
            self.refresh()
        finally:
            self._refreshing.release()

    def _ask(self, url: str) -> Layout | None:
        with suppress(ValueError):
            body = self._get(url, PATH)
            return None if body is None else layout_from_json(body)
        return None

    def _get(self, url: str, path: str) -> bytes | None:
        request = SignedRequest("GET", path, CONTROLLER)
        with suppress(NoReply):
            reply = self._client.request(url, request, now=wall_clock_ms(), timeout=TIMEOUT_SECONDS)
            self.refused = "" if reply.status == 200 else refusal(reply)
            if reply.status == 200:
                return reply.body
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


def kept_layout(cache: Path | None) -> Layout | None:
    """Return the layout in the file of an adapter, None where there is none."""
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
