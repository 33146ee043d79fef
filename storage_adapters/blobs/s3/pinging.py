"""Check of a bucket: it answers, and it takes a write."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

from storage_adapters.blobs.pinging import BucketPinger
from storage_adapters.blobs.s3.api import S3Api
from storage_adapters.blobs.s3.objects import OWN

_CONTENT = b"ping"
_SHA256 = hashlib.sha256(_CONTENT).hexdigest()


class Pinger(BucketPinger):
    """Pings below a prefix; an object of ours is written over and over."""

    def __init__(
        self, api: S3Api, name_of: Callable[[str], str], *, timer: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(timer)
        self._api, self._folder = api, name_of(OWN)

    def _list(self) -> None:
        self._api.listing(prefix=self._folder, after="", limit=1)

    def _write(self) -> None:
        name = f"{self._folder}ping"
        self._api.put(name, _CONTENT, sha256=_SHA256, content_type="text/plain", metadata={}, over=None)
