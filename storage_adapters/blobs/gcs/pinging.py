"""Check of a bucket: it answers, and it takes an upload."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from storage_adapters.blobs.gcs.api import GcsApi, OtherGeneration
from storage_adapters.blobs.gcs.sessions import UploadSession

# Readiness is asked every second where there are many probes; each upload that is begun costs money.
WRITE_SECONDS = 60.0


class Pinger:
    """Pings of one bucket, below a prefix.

    An upload is begun and cancelled: an object would be kept where the bucket has versions, soft delete or a retention,
    and would be notified.
    """

    def __init__(
        self, api: GcsApi, name_of: Callable[[str], str], *, timer: Callable[[], float] = time.monotonic
    ) -> None:
        self._api, self._name_of, self._timer = api, name_of, timer
        self._written_at: float | None = None

    def ping(self) -> None:
        """List, and begin an upload unless this process did within ``WRITE_SECONDS``.

        Raises StorageUnavailable, StorageDenied. A bucket may answer lists to who has no right to write.
        """
        self._api.listing(prefix=self._name_of(""), start="", limit=1)
        now = self._timer()
        if self._written_at is None or now - self._written_at >= WRITE_SECONDS:
            # Somebody's object of that name is no refusal.
            with suppress(OtherGeneration):
                uri = self._api.start_session(self._name_of(".files/ping"), content_type="text/plain", metadata={})
                UploadSession(self._api.session, uri, self._api.timeout).cancel()
            self._written_at = now
