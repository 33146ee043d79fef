"""A client that brings bytes by a resumable session, over a network that breaks."""

from __future__ import annotations

import re

import requests

from storage_adapters import JSON

_ATTEMPTS = 20


class Sender:
    """Sends everything that is missing, asks where the server stands when the connection broke, and goes on there."""

    def __init__(self, upload: JSON, content: bytes, *, chunk: int | None = None) -> None:
        self.interruptions = 0
        self._upload, self._content, self._chunk = upload, memoryview(content), chunk or len(content)

    def send(self) -> None:
        """Return when the server has all."""
        place = 0
        for _ in range(_ATTEMPTS):
            try:
                while (answer := self._put(place)).status_code == 308:
                    place = _held(answer)
            except requests.ConnectionError:
                self.interruptions += 1
                answer = self._ask()
                if answer.status_code == 308:
                    place = _held(answer)
                    continue
            assert answer.status_code in (200, 201), f"{answer.status_code}: {answer.text}"
            return
        raise AssertionError("the upload does not get on")

    def _put(self, place: int) -> requests.Response:
        piece = self._content[place : place + self._chunk]
        given = f"bytes {place}-{place + len(piece) - 1}/{len(self._content)}"
        return self._request(given, bytes(piece))

    def _ask(self) -> requests.Response:
        return self._request(f"bytes */{len(self._content)}", b"")

    def _request(self, content_range: str, body: bytes) -> requests.Response:
        return requests.request(
            self._upload["method"],
            self._upload["url"],
            headers={**self._upload["headers"], "Content-Range": content_range},
            data=body,
            timeout=90,
            allow_redirects=False,
        )


def _held(answer: requests.Response) -> int:
    match = re.fullmatch(r"bytes=0-(\d+)", answer.headers.get("Range", ""))
    return int(match[1]) + 1 if match else 0
