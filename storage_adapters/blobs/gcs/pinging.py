"""Check of a bucket: it answers, and it takes an upload."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from storage_adapters.blobs.gcs.api import GcsApi, OtherGeneration
from storage_adapters.blobs.gcs.sessions import UploadSession
from storage_adapters.blobs.pinging import BucketPinger


class Pinger(BucketPinger):
    """Pings below a prefix.

    An upload is begun and cancelled: an object would be kept where the bucket has versions, soft delete or a retention,
    and would be notified.
    """

    def __init__(
        self, api: GcsApi, name_of: Callable[[str], str], *, timer: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(timer)
        self._api, self._name_of = api, name_of

    def _list(self) -> None:
        self._api.listing(prefix=self._name_of(""), start="", limit=1)

    def _write(self) -> None:
        # Somebody's object of that name is no refusal.
        with suppress(OtherGeneration):
            uri = self._api.start_session(self._name_of(".files/ping"), content_type="text/plain", metadata={})
            UploadSession(self._api.session, uri, self._api.timeout).cancel()
