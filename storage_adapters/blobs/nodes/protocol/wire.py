"""Requests and replies as HTTP: the only place that knows methods, paths, headers and JSON of nodes.

A body is JSON unless it is bytes of a chunk. An id in a path is percent-encoded as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from storage_adapters.blobs.nodes.protocol import messages as m
from storage_adapters.blobs.nodes.protocol.errors import NODE_ERRORS, BadRequest, NodeError
from storage_adapters.blobs.nodes.protocol.layout import Layout, Node

CHUNK_ID = "X-Files-Chunk-Id"
CHUNK_INFO = "X-Files-Chunk-Info"
CHUNK_SHA256 = "X-Files-Chunk-Sha256"
CHUNK_SIZE = "X-Files-Chunk-Size"
ANSWER = "X-Files-Answer"
OCTETS = "application/octet-stream"
JSON = "application/json"
DESTRUCTIVE = (m.TrashChunks, m.RestoreChunks)


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as a client sends it; ``path`` with its query."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = b""


@dataclass(frozen=True, slots=True)
class HttpReply:
    """A reply as a node sends it; ``body`` is bytes, or what the driver made for ChunkData."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = b""


def request_to_http(request: m.Request) -> HttpRequest:
    """Return the HTTP form of a request."""
    match request:
        case m.PutChunk(chunk_id, sha256, data, first, info):
            path = f"/chunk?id={quote(chunk_id, safe='')}{'&first=1' if first else ''}"
            path += f"&info={quote(info, safe='')}" if info else ""
            return HttpRequest("POST", path, {CHUNK_SHA256: sha256, "Content-Type": OCTETS}, data)
        case m.GetChunk(chunk_id, offset, length):
            return HttpRequest("GET", _chunk_path(chunk_id), _range_header(offset, length))
        case m.HeadChunk(chunk_id):
            return HttpRequest("HEAD", _chunk_path(chunk_id))
        case m.GetIndex(key, offset, length):
            return HttpRequest("GET", f"/index/{quote(key, safe='')}", _range_header(offset, length))
        case m.GetInventory(epoch):
            return HttpRequest("GET", "/inventory" if epoch is None else f"/inventory?epoch={epoch}")
        case m.GetPartition(partition):
            return HttpRequest("GET", f"/inventory/{partition}")
        case _:
            method, path = _PATHS[type(request)]
            return HttpRequest(method, path, {"Content-Type": JSON}, _json(asdict(request)))


def request_from_http(method: str, path: str, headers: Mapping[str, str], body: Any) -> m.Request:
    """Return the request that an HTTP request means. Raises BadRequest.

    ``body`` is bytes, but for PutChunk, where it is passed on as it is. ``headers`` compare without case.
    """
    try:
        return _parse(method, path, headers, body)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise BadRequest(f"malformed request {method} {urlsplit(path).path}") from error


def _parse(method: str, path: str, headers: Mapping[str, str], body: Any) -> m.Request:
    parts = urlsplit(path)
    if (method, parts.path) == ("POST", "/chunk"):
        query = parse_qs(parts.query)
        return m.PutChunk(
            query["id"][0], _checked_hash(headers[CHUNK_SHA256]), body, "first" in query, query.get("info", [""])[0]
        )
    if method == "GET" and parts.path.startswith("/index/"):
        return m.GetIndex(unquote(parts.path.removeprefix("/index/")), *_range(headers.get("Range", "")))
    if method in ("GET", "HEAD") and parts.path.startswith("/chunk/"):
        chunk_id = unquote(parts.path.removeprefix("/chunk/"))
        return m.HeadChunk(chunk_id) if method == "HEAD" else m.GetChunk(chunk_id, *_range(headers.get("Range", "")))
    if method == "GET" and parts.path == "/inventory":
        epoch = parse_qs(parts.query).get("epoch")
        return m.GetInventory(int(epoch[0]) if epoch else None)
    if method == "GET" and parts.path.startswith("/inventory/"):
        return m.GetPartition(int(parts.path.removeprefix("/inventory/")))
    return _BODIES[method, parts.path](json.loads(body))


def reply_to_http(reply: m.Reply | NodeError) -> HttpReply:
    """Return the HTTP form of a reply or an error."""
    match reply:
        case NodeError():
            return HttpReply(reply.status, _named(reply.code), _json({"error": reply.code, "message": str(reply)}))
        case m.Absent():
            return HttpReply(404, _named("absent"), _json({"error": "absent"}))
        case m.ChunkData(sha256, size, data, chunk_id, info):
            headers = {CHUNK_SHA256: sha256, CHUNK_SIZE: str(size), "Content-Type": OCTETS, ANSWER: "chunk"}
            texts = {CHUNK_ID: quote(chunk_id, safe=""), CHUNK_INFO: quote(info, safe="")}
            return HttpReply(200, {**headers, **texts}, data)
        case m.Stored():
            return HttpReply(201 if reply.created else 200, _named("stored"), _json(asdict(reply)))
        case _:
            return HttpReply(200, _named(type(reply).__name__.lower()), _json(asdict(reply)))


def reply_from_http(status: int, headers: Mapping[str, str], body: bytes) -> m.Reply:
    """Return the reply that a node gave. Raises NodeError, also for an answer that is no node's.

    Status 404 alone is not "absent": a proxy or another server may say so.
    """
    answer = headers.get(ANSWER, "")
    try:
        if status >= 400 and answer == "absent":
            return m.Absent()
        if status >= 400 or answer not in _REPLIES:
            raise NODE_ERRORS.get(answer, NodeError)(f"status {status}: {body[:200].decode(errors='replace')!r}")
        if answer == "chunk":
            chunk_id, info = (unquote(headers.get(name, "")) for name in (CHUNK_ID, CHUNK_INFO))
            return m.ChunkData(_checked_hash(headers[CHUNK_SHA256]), int(headers[CHUNK_SIZE]), body, chunk_id, info)
        return _REPLIES[answer](json.loads(body))
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise NodeError(f"malformed answer with status {status}") from error


def layout_to_json(layout: Layout) -> bytes:
    """Return the body of the answer of a controller to ``GET /layout``."""
    return _json(asdict(layout))


def layout_from_json(body: bytes) -> Layout:
    """Return the layout in the answer of a controller; what it says beyond that is left out. Raises ValueError."""
    try:
        document = json.loads(body)
        names = ("node_id", "url", "zone", "weight", "state")
        nodes = tuple(Node(**{name: node[name] for name in names}) for node in document["nodes"])
        return Layout(document["version"], document["copies"], document["min_write"], nodes)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("not a layout") from error


_PATHS: dict[type, tuple[str, str]] = {
    m.FindBlobs: ("POST", "/blobs/find"),
    m.ListBlobs: ("POST", "/blobs/list"),
    m.Have: ("POST", "/have"),
    m.Verify: ("POST", "/verify"),
    m.Pull: ("POST", "/pull"),
    m.TrashChunks: ("DELETE", "/chunks"),
    m.RestoreChunks: ("POST", "/restore"),
}
_BODIES: dict[tuple[str, str], Callable[[dict[str, Any]], m.Request]] = {
    ("POST", "/blobs/find"): lambda body: m.FindBlobs(_ids(body, "keys")),
    ("POST", "/blobs/list"): lambda body: m.ListBlobs(str(body["prefix"]), str(body["after"]), int(body["limit"])),
    ("POST", "/have"): lambda body: m.Have(_ids(body)),
    ("POST", "/verify"): lambda body: m.Verify(_ids(body)),
    ("POST", "/pull"): lambda body: m.Pull(
        **{name: str(body[name]) for name in ("chunk_id", "sha256", "source", "source_url")}
    ),
    ("DELETE", "/chunks"): lambda body: m.TrashChunks(_ids(body), _reason(body["reason"]), _epoch(body)),
    ("POST", "/restore"): lambda body: m.RestoreChunks(_ids(body), _epoch(body)),
}
_REPLIES: dict[str, Callable[[dict[str, Any]], m.Reply]] = {
    "chunk": lambda body: m.ChunkData(**body),
    "stored": lambda body: m.Stored(**body),
    "blobs": lambda body: m.Blobs({key: tuple(ids) for key, ids in body["entries"].items()}),
    "blobpage": lambda body: m.BlobPage(dict(body["infos"]), str(body["last"])),
    "present": lambda body: m.Present(_entries(body)),
    "receipts": lambda body: m.Receipts(dict(body["good"]), tuple(body["damaged"]), tuple(body["unread"])),
    "moved": lambda body: m.Moved(tuple(body["chunk_ids"]), tuple(body["absent"])),
    "inventory": lambda body: m.Inventory(
        bool(body["complete"]),
        str(body["boot_id"]),
        {int(number): m.PartitionSum(**each) for number, each in body["partitions"].items()},
    ),
    "inventorypage": lambda body: m.InventoryPage(bool(body["complete"]), str(body["boot_id"]), _entries(body)),
}


def _chunk_path(chunk_id: str) -> str:
    return f"/chunk/{quote(chunk_id, safe='')}"


def _range_header(offset: int, length: int | None) -> dict[str, str]:
    if not offset and length is None:
        return {}
    return {"Range": f"bytes={offset}-" if length is None else f"bytes={offset}-{offset + length - 1}"}


def _range(header: str) -> tuple[int, int | None]:
    if not header:
        return 0, None
    first, _, last = header.removeprefix("bytes=").partition("-")
    return int(first), int(last) + 1 - int(first) if last else None


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def _named(answer: str) -> dict[str, str]:
    return {ANSWER: answer, "Content-Type": JSON}


def _ids(body: Mapping[str, Any], name: str = "chunk_ids") -> tuple[str, ...]:
    ids = body[name]
    if not isinstance(ids, list) or len(ids) > m.IDS_AT_ONCE or not all(isinstance(each, str) for each in ids):
        raise ValueError(name)
    return tuple(ids)


def _epoch(body: Mapping[str, Any]) -> int | None:
    epoch = body.get("epoch")
    return None if epoch is None else int(epoch)


def _reason(text: str) -> m.TrashReason:
    if text not in ("removed", "garbage", "surplus"):
        raise ValueError("reason")
    return text  # type: ignore[return-value]


def _entries(body: Mapping[str, Any]) -> dict[str, m.Entry]:
    return {chunk_id: m.Entry(**entry) for chunk_id, entry in body["entries"].items()}


def _checked_hash(text: str) -> str:
    if len(text) != 64 or not set(text) <= set("0123456789abcdef"):
        raise ValueError("sha256")
    return text
