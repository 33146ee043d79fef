"""Exclusive writes of one name, by objects of our own; needs only that a list shows what was written before.

A claimant writes ``.files/claims/<name>/<token>`` and lists the folder. Alone there, it has the name until it deletes
its object. Of several the lowest token waits for the others to leave; these try again later. Of two claimants each
wrote before it listed, so at least one sees the other: never do both find themselves alone. A claim of a dead process
counts for nothing after ``LEASE_SECONDS`` of the server's clock.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from storage_adapters.blobs.s3.api import S3Api
from storage_adapters.blobs.s3.objects import OWN
from storage_adapters.errors import BlobNotFound, StorageUnavailable

# Longer than all attempts of the requests that a claimant makes.
LEASE_SECONDS = 600
_PATIENCE_SECONDS = 60.0
_EMPTY = hashlib.sha256(b"").hexdigest()


class Claims:
    """Claims in one bucket, below a prefix."""

    def __init__(
        self,
        api: S3Api,
        name_of: Callable[[str], str],
        *,
        sleep: Callable[[float], None] = time.sleep,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api, self._name_of, self._sleep, self._timer = api, name_of, sleep, timer

    @contextmanager
    def held(self, name: str) -> Iterator[None]:
        """Have the name alone among those who claim it. Raises StorageUnavailable when others keep it."""
        folder = self._name_of(f"{OWN}claims/{name}/")
        deadline = self._timer() + _PATIENCE_SECONDS
        while (mine := self._claim(folder, deadline)) is None:
            if self._timer() > deadline:
                raise StorageUnavailable("S3: others write to this name")
            self._sleep(0.01 + secrets.randbelow(90) / 1000)
        try:
            yield
        finally:
            # A claim that stays blocks the name until it has expired.
            with suppress(StorageUnavailable):
                self._api.delete(mine)

    def _claim(self, folder: str, deadline: float) -> str | None:
        mine = folder + secrets.token_hex(16)
        self._api.put(mine, b"", sha256=_EMPTY, content_type="", metadata={}, over=None)
        while True:
            others = [name for name in self._api.listing(prefix=folder, after="", limit=1_000) if name != mine]
            living = [name for name in others if self._lives(name)]
            if not living:
                return mine
            if min(living) < mine or self._timer() > deadline:
                self._api.delete(mine)
                return None
            self._sleep(0.02)

    def _lives(self, name: str) -> bool:
        """Return True for a claim that counts; delete one that has expired."""
        try:
            claim = self._api.head(name)
        except BlobNotFound:
            return False
        if claim.answered_at - claim.modified_at < LEASE_SECONDS * 1000:
            return True
        self._api.delete(name)
        return False
