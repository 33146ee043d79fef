"""A client of tus that says what it is told, right or wrong."""

from __future__ import annotations

import base64
import hashlib
import random
from typing import Any

from tests.gateway.owners import bearer, processed_bytes
from tests.gateway.serving import Reply, Served

CONTENT = random.Random(9).randbytes(9 * 2**20 + 11)
TUS = {"Tus-Resumable": "1.0.0", **bearer("ann")}
BYTES = {**TUS, "Content-Type": "application/offset+octet-stream"}


def metadata(**pairs: str) -> str:
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in pairs.items())


def create(served: Served, length: int | None = len(CONTENT), body: bytes | None = None, **headers: Any) -> Reply:
    said = {"Upload-Defer-Length": "1"} if length is None else {"Upload-Length": str(length)}
    return served.request("POST", "/tus/", body, {**(TUS if body is None else BYTES), **said, **headers})


def made(served: Served, length: int | None = len(CONTENT), **headers: Any) -> str:
    reply = create(served, length, **headers)
    assert reply.status == 201, reply.body
    return reply.headers["Location"]


def patch(served: Served, url: str, offset: int, body: bytes, **headers: str) -> Reply:
    return served.request("PATCH", url, body, {**BYTES, "Upload-Offset": str(offset), **headers})


def offset_of(served: Served, url: str) -> int:
    return int(served.request("HEAD", url, headers=TUS).headers["Upload-Offset"])


def file_id_of(url: str) -> str:
    return url.rpartition("/")[2].partition("-")[0]


def checksum(data: bytes, name: str = "sha1") -> str:
    return f"{name} {base64.b64encode(hashlib.new(name, data).digest()).decode()}"


def content_of(served: Served, url: str) -> bytes:
    served.result("files.process", file_id=file_id_of(url))
    return processed_bytes(served, file_id_of(url))
