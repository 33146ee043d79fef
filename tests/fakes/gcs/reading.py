"""Answers that carry the content of an object, whole or in a range."""

from __future__ import annotations

import re

from tests.fakes.gcs.errors import Refused
from tests.fakes.gcs.messages import Answer, Request
from tests.fakes.gcs.objects import StoredObject, pieces

_RANGE = re.compile(r"bytes=(?P<first>\d*)-(?P<last>\d*)")


def content_answer(stored: StoredObject, request: Request, extra: dict[str, str] | None = None) -> Answer:
    """The content, or the range that was asked for; a HEAD gets the headers alone."""
    hashes = [f"crc32c={stored.crc32c_text}"] + ([f"md5={stored.md5_text}"] if stored.md5_text else [])
    headers = {
        "Content-Type": stored.content_type,
        "Accept-Ranges": "bytes",
        "ETag": f'"{stored.generation}"',
        "x-goog-generation": str(stored.generation),
        "x-goog-metageneration": str(stored.metageneration),
        "x-goog-hash": ",".join(hashes),
        "x-goog-stored-content-length": str(stored.size),
        **{f"x-goog-meta-{name}": value for name, value in stored.metadata.items()},
        **(extra or {}),
    }
    if "contentDisposition" in stored.described:
        headers.setdefault("Content-Disposition", stored.described["contentDisposition"])
    first, length, status = 0, stored.size, 200
    chosen = _RANGE.fullmatch(request.header("Range") or "")
    if chosen is not None and (chosen["first"] or chosen["last"]):
        first, length = _range(chosen, stored.size)
        status = 206
        headers["Content-Range"] = f"bytes {first}-{first + length - 1}/{stored.size}"
    headers["Content-Length"] = str(length)
    body = b"" if request.method == "HEAD" else pieces(stored.content, first, length)
    return Answer(status, headers, body)


def _range(chosen: re.Match[str], size: int) -> tuple[int, int]:
    if chosen["first"]:
        first = int(chosen["first"])
        last = min(int(chosen["last"] or size - 1), size - 1)
    else:
        first, last = max(0, size - int(chosen["last"])), size - 1
    if first > last:
        raise Refused(
            416, "InvalidRange", "The requested range cannot be satisfied.", reason="requestedRangeNotSatisfiable"
        )
    return first, last - first + 1
