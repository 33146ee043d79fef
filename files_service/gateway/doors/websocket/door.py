"""One connection of ``/ws/upload``: one upload after another."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from contextlib import AsyncExitStack, ExitStack, suppress
from dataclasses import dataclass
from functools import partial

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from files_service.api.begin import begin
from files_service.domain.scopes import WRITE
from files_service.errors import (
    Busy,
    Conflict,
    FilesError,
    Forbidden,
    InternalError,
    ServiceUnavailable,
    TooLarge,
    Unauthorized,
)
from files_service.gateway.auth.bearer import token_of
from files_service.gateway.auth.callers import caller_by, holders_of
from files_service.gateway.auth.people import look_up, require_scope, watching
from files_service.gateway.auth.sessions import authorization_of
from files_service.gateway.connection import Connection
from files_service.gateway.doors.websocket.flow_control import FlowControl
from files_service.gateway.doors.websocket.messages import (
    PROTOCOL,
    Finish,
    ShowManifest,
    Start,
    error_message,
    parse,
    split,
    wrong,
)
from files_service.gateway.doors.websocket.session import Session
from files_service.gateway.doors.websocket.state import SHARED
from files_service.gateway.peers import peer_holder
from files_service.gateway.replies import HTTPError, bad_field, json_bytes
from files_service.gateway.state import gateway_of
from files_service.gateway.threads import HOLDER
from files_service.gateway.transfer.memory_budget import Share
from files_service.gateway.transfer.min_rate import MinRate
from files_service.gateway.transfer.upload_locks import upload_locks_of
from files_service.services.uploads.session import find_upload
from files_service.services.uploads.slices import require_takes_slices
from storage_adapters import JSON, Upload

logger = logging.getLogger(__name__)

_DATA = (WSMsgType.TEXT, WSMsgType.BINARY)


async def websocket(request: web.Request) -> web.StreamResponse:
    """Receive uploads by WebSocket."""
    gateway, shared = gateway_of(request), request.config_dict[SHARED]
    if PROTOCOL not in [each.strip() for each in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]:
        raise bad_field("Sec-WebSocket-Protocol", f"Send {PROTOCOL}.")
    if gateway.stopping:
        raise HTTPError(ServiceUnavailable("the gateway is stopping"))
    connection = web.WebSocketResponse(
        protocols=(PROTOCOL,),
        heartbeat=gateway.limits.websocket_ping_seconds,
        timeout=gateway.limits.websocket_close_seconds,
        # aiohttp refuses messages of this size and above.
        max_msg_size=shared.longest_message + 1,
        compress=False,
    )
    if not connection.can_prepare(request).ok:
        raise bad_field("Upgrade", "Must be a WebSocket handshake.")
    with ExitStack() as place:
        # A connection without a token takes no place from those with one.
        authorization = authorization_of(request)
        if authorization is None:
            holders: tuple[str, ...] = (peer_holder(request),)
            place.enter_context(shared.strangers.take(*holders))
        else:
            actor = caller_by(request, authorization).actor
            holders = holders_of(request, actor)
            place.enter_context(shared.connections.take(*holders))
        conversation = Conversation(request, connection, place, authorization, holders)
        try:
            await connection.prepare(request)
            gateway.staying.add(conversation.leave)
            await conversation.run()
        finally:
            gateway.staying.discard(conversation.leave)
            conversation.close()
    return connection


@dataclass(frozen=True, slots=True)
class Slice:
    """A binary message, and its share of the memory."""

    frame: bytes
    share: Share


class Conversation:
    """The messages of one connection."""

    def __init__(
        self,
        request: web.Request,
        connection: web.WebSocketResponse,
        place: ExitStack,
        authorization: str | None,
        holders: tuple[str, ...],
    ) -> None:
        self._request, self._connection = request, connection
        self._gateway, self._shared = gateway_of(request), request.config_dict[SHARED]
        self._place, self._owner = place, ""
        self._authorization, self._known = authorization, authorization is not None
        self._pace = self._new_pace()
        self._flow = self._new_flow(holders)
        self._leaving: asyncio.Task[bool] | None = None

    def close(self) -> None:
        """End the conversation: release its memory."""
        self._flow.close()

    def leave(self) -> None:
        """Close the connection of a stopping gateway, after received slices are stored and acknowledged."""
        if self._leaving is None:
            self._leaving = asyncio.ensure_future(self._connection.close(code=WSCloseCode.GOING_AWAY))

    async def run(self) -> None:
        """Receive one upload after another until the client closes the connection."""
        try:
            async with AsyncExitStack() as watches:
                await self._watch(watches)
                while (start := await self._next_start()) is not None:
                    await self._receive_upload(start, await self._identify(start, watches))
        except FilesError as error:
            await self._end(error)
        except HTTPError as refused:
            await self._end(refused.error)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception:
            logger.exception("upload failed")
            await self._end(InternalError("the gateway failed; its log has the details under the request id"))

    async def _receive_upload(self, start: Start, holders: tuple[str, ...]) -> None:
        with self._gateway.uploads.take(*holders):
            upload = await self._find_or_begin(start)
            async with upload_locks_of(self._request).hold(upload.upload_id) as lock:
                await lock.run(self._take_unless_given_up(upload))

    async def _next_start(self) -> Start | None:
        message = await self._receive()
        if message is None:
            return None
        parsed = parse(message) if isinstance(message, str) else None
        if not isinstance(parsed, Start):
            raise wrong("op", "Begin with start.")
        return parsed

    async def _watch(self, watches: AsyncExitStack) -> None:
        """Close the connection soon after its session or key has ended, or its owner's account is disabled."""
        if self._authorization is not None and caller_by(self._request, self._authorization).actor is not None:
            await watches.enter_async_context(watching(self._request, token_of(self._authorization)))

    async def _identify(self, start: Start, watches: AsyncExitStack) -> tuple[str, ...]:
        """Identify the owner of the next upload; return the holders of its place."""
        if start.token is not None and self._authorization != f"Bearer {start.token}":
            self._authorization = f"Bearer {start.token}"
            await watches.aclose()
            await look_up(self._request, start.token)
            await self._watch(watches)
        caller = caller_by(self._request, self._authorization)
        require_scope(caller.identity, WRITE)
        if caller.actor is None:
            raise Forbidden("send the token of an owner: every upload has an owner")
        holders = holders_of(self._request, caller.actor)
        HOLDER.set(holders[-1])
        if not self._known:
            self._place.close()
            self._place.enter_context(self._shared.connections.take(*holders))
            self._known = True
        self._owner = caller.actor
        self._pace = self._new_pace()
        self._flow.admit(self._pace, self._shared.slices, most=self._shared.longest_message, users=holders)
        return holders

    async def _find_or_begin(self, start: Start) -> Upload:
        core = self._gateway.core
        if start.upload_id is not None:
            upload = await self._gateway.calls.run(find_upload, core, start.upload_id, self._owner)
            require_takes_slices(upload)
            if start.said.get("size") not in (None, upload.size):
                raise Conflict("the upload has another size", {"field": "size", "size": upload.size})
            return upload
        begin_upload = self._gateway.counted("files.upload", begin)
        return await self._gateway.calls.run(begin_upload, core, start.beginning(self._owner))

    async def _take_unless_given_up(self, upload: Upload) -> None:
        await self._gateway.unless_given_up(self._take(upload))

    async def _take(self, upload: Upload) -> None:
        async with Session(self._gateway, upload, self._send, self._shared.frames) as session:
            await session.show_manifest()
            while True:
                receiving = asyncio.ensure_future(self._receive())
                try:
                    await asyncio.wait((receiving, session.failure), return_when=asyncio.FIRST_COMPLETED)
                    session.raise_error()
                    message = await receiving
                finally:
                    receiving.cancel()
                if message is None:
                    return
                if isinstance(message, Slice):
                    await session.take(*split(message.frame), partial(self._flow.free, message.share))
                    del message, receiving
                    continue
                parsed = parse(message)
                if isinstance(parsed, ShowManifest):
                    await session.show_manifest(parsed.start)
                    continue
                if not isinstance(parsed, Finish):
                    raise wrong("op", "An upload is under way: finish it first.")
                if await session.finish(parsed.sha256, parsed.size):
                    return

    def _new_flow(self, users: tuple[str, ...]) -> FlowControl:
        shared, limits, known = self._shared, self._gateway.limits, self._known
        connection = self._request.protocol
        assert isinstance(connection, Connection)
        return FlowControl(
            connection,
            self._pace,
            shared.slices if known else shared.stranger_bytes,
            limits,
            most=shared.longest_message if known else limits.stranger_bytes,
            refuse=not known,
            users=users,
        )

    def _new_pace(self) -> MinRate:
        limits = self._gateway.limits
        seconds = limits.websocket_idle_seconds if self._known else limits.websocket_first_seconds
        error = Busy("the connection is too slow: reconnect to send more")
        return MinRate(seconds, limits.upload_least_bytes, error)

    async def _receive(self) -> str | Slice | None:
        """Return the next message, None at the end of the connection. Raises Busy for a client that is too slow."""
        message = await self._pace.wait(self._connection.receive(), _size_of_message)
        if message.type not in _DATA:
            return None
        share = self._flow.receive()
        if message.type is WSMsgType.BINARY:
            return Slice(message.data, share)
        self._flow.free(share)
        text: str = message.data
        return text

    async def _send(self, message: JSON) -> None:
        await self._in_time(self._connection.send_str(json_bytes(message).decode()))

    async def _in_time(self, sending: Awaitable[object]) -> None:
        """Wait until something is sent. Raises ConnectionError, and ends the connection, when it is not read."""
        try:
            async with asyncio.timeout(self._gateway.limits.stalled_send_seconds):
                await sending
        except TimeoutError:
            if self._request.transport is not None:
                self._request.transport.abort()
            raise ConnectionResetError("the client does not read") from None

    async def _end(self, error: FilesError) -> None:
        code = WSCloseCode.POLICY_VIOLATION
        if isinstance(error, InternalError | ServiceUnavailable):
            code = WSCloseCode.INTERNAL_ERROR
        if isinstance(error, TooLarge) and error.details.get("field") == "message":
            code = WSCloseCode.MESSAGE_TOO_BIG
        with suppress(ConnectionError, RuntimeError):
            await self._send(error_message(error))
            text = "unauthorized" if isinstance(error, Unauthorized) else error.code
            await self._in_time(self._connection.close(code=code, message=text.encode()))


def _size_of_message(message: WSMessage) -> int:
    return len(message.data) if message.type in _DATA else 0
