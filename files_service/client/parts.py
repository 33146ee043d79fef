"""Sending of a part of a file straight to the blob store, by an address of the protocol ``s3-multipart``."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import BinaryIO

import requests

from files_service.client.results import Address, AddressPart
from files_service.errors import BadRequest, ServiceUnavailable

PIECE = 1024 * 1024
_ATTEMPTS = 6
_TIMEOUT = (10.0, 120.0)
_ARRIVED = re.compile(r"<Part>.*?</Part>", re.DOTALL)
_FIELD = re.compile(r"<(PartNumber|Size)>(\d+)</")


def send_parts(address: Address, content: BinaryIO) -> None:
    """Send what has not arrived of the bytes; call ``files.finish`` afterwards.

    ``content`` can be read from any position. A call with the same address goes on where an earlier one was
    interrupted. Raises ServiceUnavailable when there is no progress, BadRequest when the content is too short.
    """
    with requests.Session() as session:
        # The addresses are signed: a store refuses a password of ~/.netrc beside that.
        session.auth = lambda request: request
        attempt, before = 0, len(address["parts"]) + 1
        while missing := _missing(session, address):
            # A part that was sent and is not there is no progress.
            attempt = 0 if len(missing) < before else attempt + 1
            if attempt >= _ATTEMPTS:
                raise ServiceUnavailable("the blob store does not take the parts of the upload")
            before, sent = len(missing), sum(_is_sent(session, part, content) for part in missing)
            if sent < before:
                time.sleep(0.2 * 2**attempt)


def _missing(session: requests.Session, address: Address) -> list[AddressPart]:
    """Return the parts that have not arrived whole. Raises ServiceUnavailable."""
    reason = ""
    for attempt in range(_ATTEMPTS):
        try:
            answer = session.get(address["url"], timeout=_TIMEOUT)
        except requests.RequestException as error:
            reason = type(error).__name__
        else:
            if answer.status_code == 200:
                found = (dict(_FIELD.findall(part)) for part in _ARRIVED.findall(answer.text))
                arrived = {(int(part["PartNumber"]), int(part["Size"])) for part in found}
                return [part for part in address["parts"] if (part["number"], part["size"]) not in arrived]
            reason = f"HTTP status {answer.status_code}"
            if answer.status_code < 500:
                break
        time.sleep(0.1 * 2**attempt)
    raise ServiceUnavailable(f"the blob store does not tell which parts have arrived: {reason}")


def _is_sent(session: requests.Session, part: AddressPart, content: BinaryIO) -> bool:
    """Send one part; return True when the store has it."""
    body = _Body(content, part) if part["size"] else b""
    try:
        return session.put(part["url"], data=body, timeout=_TIMEOUT).status_code == 200
    except requests.RequestException:
        return False


class _Body:
    """The bytes of a part; its length makes requests send a Content-Length."""

    def __init__(self, content: BinaryIO, part: AddressPart) -> None:
        self._content, self._offset, self._size = content, part["offset"], part["size"]

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        self._content.seek(self._offset)
        left = self._size
        while left and (piece := self._content.read(min(PIECE, left))):
            left -= len(piece)
            yield piece
        if left:
            # The store would wait for the rest until its time is over.
            raise BadRequest("the content is shorter than was declared")
