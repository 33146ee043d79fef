"""What the contracts of the blob stores have in common: keys, and how blobs are put, read and found missing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

import google_crc32c
import pytest

from storage_adapters import BlobInfo, BlobNotFound, BlobStore
from tests.waiting import PATIENCE_SECONDS

T = TypeVar("T")
NOW = 1_700_000_000_000
KEY = "4f1c/01HF7YAT/p0"
MIB = 1024 * 1024
REFUSED_KEYS = [
    "",
    "/",
    "/x",
    "x/",
    "a//b",
    ".",
    "..",
    "../x",
    "a/../b",
    "a/./b",
    "a.b",
    "x.blob",
    "a\\b",
    "a b",
    "a%2fb",
    "é",
    "ａ",
    "٣",
    "a\0b",
    "a\n",
    "\na",
    "a/b\n",
    "a\u2028",
    "a" * 65,
    "a" * 100_000,
    "/".join("abcdefghi"),
    "\ud800",
]
ACCEPTED_KEYS = ["a", "_", "-", "A/a/0", "a" * 64, "/".join(["x" * 64] * 8), "content", "info/json", "CON/nul"]


def put(
    store: BlobStore, key: str = KEY, content: bytes = b"some bytes", declared: Mapping[str, object] | None = None
) -> BlobInfo:
    return store.put(key, [content], content_type="video/mp4", now=NOW, declared=declared)


def read(store: BlobStore, key: str = KEY) -> bytes:
    return b"".join(store.get(key))


def is_absent(store: BlobStore, key: str = KEY) -> bool:
    with pytest.raises(BlobNotFound):
        store.head(key)
    with pytest.raises(BlobNotFound):
        store.get(key)
    return True


def in_threads(count: int, work: Callable[[int], T]) -> list[T | Exception]:
    """Call ``work(0)``, ``work(1)``, … at the same moment; the results or errors in that order."""
    barrier = Barrier(count)

    def call(number: int) -> T | Exception:
        barrier.wait(PATIENCE_SECONDS)
        try:
            return work(number)
        except Exception as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(call, range(count)))


def checksums(content: bytes) -> dict[str, str]:
    return {
        "md5": hashlib.md5(content, usedforsecurity=False).hexdigest(),
        "crc32c": f"{google_crc32c.value(content):08x}",
        "sha256": hashlib.sha256(content).hexdigest(),
    }
