"""Check of a bucket: it answers, and it takes a write."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

from storage_adapters.blobs.s3.api import S3Api
from storage_adapters.blobs.s3.objects import OWN

# Readiness is asked every second where there are many probes; each write costs money, or a version.
WRITE_SECONDS = 60.0
_CONTENT = b"ping"
_SHA256 = hashlib.sha256(_CONTENT).hexdigest()


class Pinger:
    """Pings of one bucket, below a prefix; an object of ours is written over and over."""

    def __init__(
        self, api: S3Api, name_of: Callable[[str], str], *, timer: Callable[[], float] = time.monotonic
    ) -> None:
        self._api, self._folder, self._timer = api, name_of(OWN), timer
        self._written_at: float | None = None

    def ping(self) -> None:
        """List, and write unless this process did within ``WRITE_SECONDS``. Raises StorageUnavailable, StorageDenied.

        A server may answer lists while it has no place for a byte.
        """
        # First: a server may make the bucket that a write needs.
        self._api.listing(prefix=self._folder, after="", limit=1)
        now = self._timer()
        if self._written_at is None or now - self._written_at >= WRITE_SECONDS:
            name = f"{self._folder}ping"
            self._api.put(name, _CONTENT, sha256=_SHA256, content_type="text/plain", metadata={}, over=None)
            self._written_at = now
