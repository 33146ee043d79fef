"""Resumable upload sessions, which continue at the server's offset after a lost response."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import requests
from google.auth import exceptions as auth_errors

from storage_adapters.blobs.gcs.api import OtherGeneration, describe
from storage_adapters.errors import StorageDenied, StorageUnavailable

STEP = 256 * 1024
ATTEMPTS = 6
# Renewing the credentials on the way may fail as the request itself does.
_TROUBLE = (requests.RequestException, auth_errors.GoogleAuthError, OSError)
_AGAIN = frozenset({408, 429, 500, 502, 503, 504})
_RANGE = re.compile(r"bytes=0-(\d+)")


class UploadSession:
    """One session; ``received`` is the offset that the server has confirmed."""

    def __init__(
        self, http: requests.Session, uri: str, timeout: float, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.received = 0
        self._http, self._uri, self._timeout, self._sleep = http, uri, timeout, sleep

    def send(self, data: bytes, *, last: bool) -> dict[str, Any] | None:
        """Send the next bytes; return the object's description after the last of them.

        Raises OtherGeneration when another object was created meanwhile, StorageUnavailable when there is no progress.
        """
        start = self.received
        total = str(start + len(data)) if last else "*"
        attempt = 0
        ask_first = False
        while True:
            before = self.received
            try:
                answer = self._put(b"", total) if ask_first else self._put(data[before - start :], total)
            except _TROUBLE as error:
                trouble = describe(error)
            else:
                if answer.status_code in (200, 201):
                    return _description(answer)
                if answer.status_code == 412:
                    raise OtherGeneration
                if answer.status_code == 308:
                    # Without a Range in the middle of a session the server has not said its offset: it is asked.
                    ask_first = "Range" not in answer.headers and start > 0
                    if not ask_first:
                        self._note(answer, start, len(data))
                    if self.received == start + len(data) and not last:
                        return None
                    trouble = "308"
                elif answer.status_code == 403:
                    raise StorageDenied("Cloud Storage: the upload session answered 403")
                elif answer.status_code in _AGAIN:
                    trouble = str(answer.status_code)
                else:
                    raise StorageUnavailable(f"Cloud Storage: the upload session answered {answer.status_code}")
            if trouble != "308":
                ask_first = True
            if self.received > before:
                attempt = 0
                continue
            attempt += 1
            if attempt >= ATTEMPTS:
                raise StorageUnavailable(f"Cloud Storage: the upload session makes no progress: {trouble}")
            self._sleep(min(5.0, 0.05 * 2**attempt))

    def cancel(self) -> None:
        """Cancel the upload; the server would discard it after a week anyway."""
        with suppress(*_TROUBLE):
            self._http.delete(self._uri, headers={"Content-Length": "0"}, timeout=self._timeout)

    def _put(self, data: bytes, total: str) -> requests.Response:
        """Send bytes from the server's offset on; without bytes, query that offset or finish the upload."""
        place = f"{self.received}-{self.received + len(data) - 1}" if len(data) else "*"
        return self._http.put(
            self._uri,
            data=data,
            headers={"Content-Range": f"bytes {place}/{total}"},
            timeout=self._timeout,
            allow_redirects=False,
        )

    def _note(self, answer: requests.Response, start: int, length: int) -> None:
        match = _RANGE.fullmatch(answer.headers.get("Range", ""))
        received = int(match[1]) + 1 if match else 0
        if not start <= received <= start + length:
            raise StorageUnavailable("Cloud Storage: the upload session lost bytes")
        self.received = received


def _description(answer: requests.Response) -> dict[str, Any]:
    try:
        described = answer.json()
    except ValueError:
        described = None
    if not isinstance(described, dict):
        raise StorageUnavailable("Cloud Storage: the upload session returned no description")
    return described
