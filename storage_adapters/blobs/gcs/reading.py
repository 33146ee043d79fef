"""Reading of an object in pieces, with a new request after a broken connection."""

from __future__ import annotations

import time
from collections.abc import Iterator

import requests
import urllib3

from storage_adapters.blobs.gcs.api import GcsApi, describe
from storage_adapters.errors import BlobNotFound, StorageUnavailable

PIECE = 1024 * 1024
ATTEMPTS = 5


def pieces(api: GcsApi, name: str, offset: int, length: int | None, generation: str | None = None) -> Iterator[bytes]:
    """Yield b"" when the request has been answered, then the bytes, all of one generation."""
    place, left = offset, length
    answer = api.read(name, place, left, generation)
    yield b""
    attempt = 0
    while answer is not None:
        generation = generation or answer.headers.get("x-goog-generation")
        expected = int(answer.headers["Content-Length"])
        with answer:
            try:
                while expected and (piece := answer.raw.read(min(PIECE, expected), decode_content=False)):
                    yield piece
                    place += len(piece)
                    expected -= len(piece)
                    left = None if left is None else left - len(piece)
                    attempt = 0
                if not expected:
                    return
                trouble = "the response ended early"
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                trouble = describe(error)
        attempt += 1
        if attempt >= ATTEMPTS:
            raise StorageUnavailable(f"Cloud Storage: {trouble}")
        time.sleep(0.05 * 2**attempt)
        try:
            answer = api.read(name, place, left, generation)
        except BlobNotFound:
            raise StorageUnavailable("Cloud Storage: the object was deleted while it was read") from None
