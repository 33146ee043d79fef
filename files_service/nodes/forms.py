"""The form ``{hash, chunk}`` of ``POST /chunk``: a chunk whose id is the SHA-256 of its bytes."""

from __future__ import annotations

import re

from files_service.nodes.chunk_bodies import Body
from storage_adapters.blobs.nodes.protocol.errors import BadRequest
from storage_adapters.blobs.nodes.protocol.messages import PutChunk

_BOUNDARY = re.compile(r'boundary="?([0-9A-Za-z\'()+_,./:=? -]{1,70})"?(?:;|$)')
_NAME = re.compile(rb'\bname="([^"]*)"')
_HASH = re.compile(rb"[0-9a-f]{64}")


def chunk_of_form(content_type: str, body: bytes) -> PutChunk:
    """Return the chunk that a form holds. Raises BadRequest."""
    boundary = _BOUNDARY.search(content_type)
    if boundary is None:
        raise BadRequest("the form has no boundary")
    fields = _fields(body, boundary[1].encode())
    sha256 = fields.get(b"hash", b"").strip().lower()
    if _HASH.fullmatch(sha256) is None or b"chunk" not in fields:
        raise BadRequest("the form needs the fields hash, a SHA-256 in hex, and chunk")
    name = sha256.decode()
    return PutChunk(name, name, Body.of((fields[b"chunk"],)))


def _fields(body: bytes, boundary: bytes) -> dict[bytes, bytes]:
    fields = {}
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary)[1:-1]:
        head, separator, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if separator and name is not None:
            fields[name[1]] = content
    return fields
