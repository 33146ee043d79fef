"""Reading of an object in pieces, with a new request after a broken connection."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

import urllib3
from botocore.exceptions import BotoCoreError, HTTPClientError

from storage_adapters.blobs.s3.api import S3Api
from storage_adapters.blobs.s3.client import OtherObject
from storage_adapters.errors import BlobNotFound, StorageUnavailable

# Larger buffers are mapped anew each time, and leave the cache of a core before they are sent.
PIECE = 128 * 1024
ATTEMPTS = 5
_BROKEN = (urllib3.exceptions.HTTPError, BotoCoreError, HTTPClientError, OSError)


def pieces(api: S3Api, name: str, offset: int, length: int | None, generation: str | None = None) -> Iterator[bytes]:
    """Yield b"" when the request has been answered, then the bytes, all of one object.

    Raises BlobNotFound for a missing object and for one of another generation.
    """
    place = offset
    end: int | None = None if length is None else offset + length
    etag: str | None = None
    attempt = 0
    while True:
        try:
            answer = api.get(name, offset=place, length=None if end is None else end - place, etag=etag)
        except (OtherObject, BlobNotFound):
            if etag is None:
                raise
            raise StorageUnavailable("S3: the object was deleted while it was read") from None
        if answer is None:
            _require(api, name, generation)
            yield b""
            return
        found, body = answer
        with closing(body):
            if found.is_placeholder or generation not in (None, found.generation):
                raise BlobNotFound("S3: the object was replaced or is not complete")
            generation = found.generation
            end = found.size if end is None else min(end, found.size)
            try:
                if etag is None:
                    etag = found.etag
                    yield b""
                while place < end and (piece := body.read(min(PIECE, end - place))):
                    yield piece
                    place += len(piece)
                    attempt = 0
                trouble = "the response ended early"
            except _BROKEN as error:
                trouble = type(error).__name__
        if place >= end:
            return
        attempt += 1
        if attempt >= ATTEMPTS:
            raise StorageUnavailable(f"S3: {trouble}")
        time.sleep(0.05 * 2**attempt)


def _require(api: S3Api, name: str, generation: str | None) -> None:
    found = api.head(name)
    if found.is_placeholder or generation not in (None, found.generation):
        raise BlobNotFound("S3: the object was replaced or is not complete")
