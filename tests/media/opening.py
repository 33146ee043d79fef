"""Extraction of samples, and the pictures that come of it."""

from __future__ import annotations

import io
from functools import cache
from typing import Any

from PIL import Image

from files_service.services.media.extractor import Extraction, extract


def opened(kind: str, data: bytes, *proxies: bytes, **options: Any) -> Extraction:
    """Open a file, which is in memory, as the service does; the same one only once."""
    return _opened(kind, data, *proxies) if not options else _open(kind, data, *proxies, **options)


def _open(kind: str, data: bytes, *proxies: bytes, **options: Any) -> Extraction:
    sources = (data, *proxies)

    def read(source: int, offset: int, length: int) -> bytes:
        return sources[source][offset : offset + length]

    return extract(kind, [len(each) for each in sources], read, **options)


_opened = cache(_open)


def picture(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def is_red(pixel: Any) -> bool:
    return bool(pixel[0] > pixel[2] + 60)


def is_blue(pixel: Any) -> bool:
    return bool(pixel[2] > pixel[0] + 60)
