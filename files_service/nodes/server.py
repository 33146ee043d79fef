"""The HTTP server of a node."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import orjson
from aiohttp import web

from files_service.nodes.chunk_bodies import Body, FileRange
from files_service.nodes.forms import chunk_of_form
from files_service.nodes.node import FileNode
from files_service.runtime.clock import now_ms
from files_service.runtime.metrics import CONTENT_TYPE
from storage_adapters.blobs.nodes.authentication import NodeKeys, SignedRequest, Unauthentic, content_hash
from storage_adapters.blobs.nodes.protocol import messages as m
from storage_adapters.blobs.nodes.protocol.errors import BadRequest, HashDiffers, NodeError
from storage_adapters.blobs.nodes.protocol.wire import (
    DESTRUCTIVE,
    HttpReply,
    reply_to_http,
    request_from_http,
)

logger = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
# A chunk, or the index of a blob with the bytes of a small one.
LARGEST_BODY = m.CHUNK_BYTES + 64 * 1024
BODIES_AT_ONCE = 24
# Of a sender that went away without a word, nothing more comes; others wait for its place.
BODY_SECONDS = 30.0
THREADS = 32
_SEND_SECONDS = 60.0
_DESTRUCTIVE = frozenset({("DELETE", "/chunks"), ("POST", "/restore")})


class NodeServer:
    """The application of one node, and the threads in which its disk works."""

    def __init__(self, node: FileNode, keys: NodeKeys) -> None:
        self._node, self._keys = node, keys
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="disk")
        self._bodies = asyncio.Semaphore(BODIES_AT_ONCE)
        self.app = web.Application(client_max_size=LARGEST_BODY, middlewares=[self._errors])
        add = self.app.router.add_route
        add("GET", "/healthz", self._healthz)
        add("GET", "/readyz", self._readyz)
        add("GET", "/metrics", self._metrics)
        add("*", "/{path:.*}", self._answer)

    async def close(self) -> None:
        """Wait for what the disk is doing."""
        await asyncio.get_running_loop().run_in_executor(None, self._threads.shutdown)

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run a function in a thread of the disk."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(function, *arguments))

    @web.middleware
    async def _errors(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except Unauthentic as error:
            return web.json_response({"error": "forbidden", "message": str(error)}, status=403)
        except NodeError as error:
            return _response(reply_to_http(error))

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.json_response({"ok": True})

    async def _readyz(self, _: web.Request) -> web.Response:
        found = await self.run(self._node.readiness)
        return web.Response(
            body=orjson.dumps(found), status=200 if found["ready"] else 503, content_type="application/json"
        )

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=await self.run(self._node.metrics.exposition), headers={"Content-Type": CONTENT_TYPE})

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        destroys = _destroys(request)
        announced = content_hash(request.headers)
        length = request.content_length or 0
        signed = SignedRequest(request.method, request.raw_path, self._node.node_id, announced, length)
        self._keys.verify(signed, request.headers, now=now_ms(), destroys=destroys)
        if request.headers.get("Transfer-Encoding") or length > LARGEST_BODY:
            raise BadRequest(f"a body has a length, of at most {LARGEST_BODY} bytes")
        async with self._bodies:
            pieces = await _received(request)
            reply = await self.run(self._process, request, pieces, announced)
        if isinstance(reply, m.ChunkData) and isinstance(reply.data, FileRange):
            return await self._send(request, reply, reply.data)
        return _response(reply_to_http(reply))

    def _process(self, request: web.Request, pieces: list[bytes], announced: str) -> m.Reply:
        """Answer a request, in a thread of the disk. Raises HashDiffers, Unauthentic, NodeError."""
        body = Body.of(pieces)
        if body.sha256 != announced:
            raise HashDiffers("the body is not that of the announced hash")
        understood = _understood(request, body)
        if isinstance(understood, DESTRUCTIVE) and not _destroys(request):
            raise Unauthentic("the request needs the key for destruction")
        return self._node.answer(understood)

    async def _send(self, request: web.Request, reply: m.ChunkData, piece: FileRange) -> web.StreamResponse:
        with piece.file:
            head = reply_to_http(reply)
            response = web.StreamResponse(status=206 if "Range" in request.headers else 200, headers=head.headers)
            response.content_length = piece.length
            await response.prepare(request)
            transport = request.transport
            if transport is None:
                raise ConnectionResetError("the client went away")
            if piece.length:
                loop = asyncio.get_running_loop()
                async with asyncio.timeout(_SEND_SECONDS):
                    sent = await loop.sendfile(transport, piece.file, piece.start, piece.length)
                if sent != piece.length:
                    transport.abort()
        await response.write_eof()
        return response


async def _pieces(request: web.Request) -> AsyncIterator[bytes]:
    """Yield the body as it comes in; nothing is joined or copied."""
    while piece := (await request.content.readchunk())[0]:
        yield piece


async def _received(request: web.Request) -> list[bytes]:
    """Return the body. Raises HTTPRequestTimeout, which closes the connection, when it does not come in time."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return [piece async for piece in _pieces(request)]
    except TimeoutError:
        late = web.HTTPRequestTimeout(text=f"the body did not come within {BODY_SECONDS:g} seconds")
        late.force_close()
        raise late from None


def _understood(request: web.Request, body: Body) -> m.Request:
    if request.method == "POST" and request.path == "/chunk" and request.content_type == "multipart/form-data":
        return chunk_of_form(request.headers["Content-Type"], body.joined())
    is_chunk = request.method == "POST" and request.path == "/chunk"
    return request_from_http(request.method, request.raw_path, request.headers, body if is_chunk else body.joined())


def _destroys(request: web.Request) -> bool:
    """Return True for a request that is signed with the key for destruction."""
    return (request.method, request.path) in _DESTRUCTIVE


def _response(reply: HttpReply) -> web.Response:
    return web.Response(status=reply.status, headers=dict(reply.headers), body=reply.body)
