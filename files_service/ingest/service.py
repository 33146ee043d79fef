"""The service as the reader of a card sees it: methods and addresses of a gateway, called with a token that may change.

A reader of cards runs for days, also on another machine: the token is read again when the service refuses it.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import (
    AddrInfoType,
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
    TCPConnector,
)
from aiohttp.client_exceptions import WSServerHandshakeError

from files_service.domain.identity import is_peoples
from files_service.errors import FilesError, Forbidden, Gone, NotFound, TooLarge, Unauthorized, error_from_wire
from files_service.gateway.auth.bearer import claimed_owner
from files_service.gateway.doors.websocket.messages import PROTOCOL
from files_service.runtime.backoff import STATUSES_OF_PROXIES

CONNECT_SECONDS = 10
PING_SECONDS = 20
_OF_STATUS = {kind.http_status: kind for kind in (Unauthorized, Forbidden, NotFound, Gone)}


class Unreachable(Exception):
    """A gateway that does not answer, or whose place another service has."""


class RequestTooLong(Unreachable):
    """A request that a proxy on the way refuses for its length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The address of a gateway, and the source of the token, which is asked again after a refusal.

    ``read_token`` raises Unauthorized when there is none.
    """

    url: str
    read_token: Callable[[], str] = field(repr=False)
    answer_seconds: float = 60

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Remote]:
        """Open connections for the duration of the block."""
        timeout = ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=self.answer_seconds)
        connector = TCPConnector(socket_factory=self._socket)
        async with ClientSession(
            connector=connector, timeout=timeout, json_serialize=lambda body: orjson.dumps(body).decode()
        ) as session:
            yield Remote(self, session)

    def _socket(self, address: AddrInfoType) -> socket.socket:
        """Make a socket that the system gives up, with its unsent bytes, when nobody takes these for so long.

        That is the ``TCP_USER_TIMEOUT`` of RFC 5482, which Linux has; else it takes a quarter of an hour.
        """
        made = socket.socket(*address[:3])
        if (option := getattr(socket, "TCP_USER_TIMEOUT", None)) is not None:
            made.setsockopt(socket.IPPROTO_TCP, option, int(self.answer_seconds * 1000))
        return made


class Remote:
    """The open service. Raises FilesError for its error responses, and Unreachable."""

    def __init__(self, service: Service, session: ClientSession) -> None:
        self.service = service
        self._session = session
        self._token = ""
        self._owner = ""
        self.read_token_again()

    def read_token_again(self) -> bool:
        """Read the token again; return True when there is another one."""
        former = self._token
        with suppress(Unauthorized):
            self._token = self.service.read_token()
        return former != self._token

    async def owner(self) -> str:
        """Return the owner whom the token stands for. Raises Unauthorized for a token that names none."""
        if not self._owner:
            if is_peoples(self._token):
                self._owner = str((await self.ask("GET", "/api/auth/me"))["account"]["owner"])
            else:
                self._owner = claimed_owner(self._token)
        if not self._owner:
            raise Unauthorized("this is no token of an owner, which a card needs: make one with files token")
        return self._owner

    async def call(self, method: str, **params: Any) -> Any:
        """Call a method and return its result."""
        return (await self.ask("POST", f"/rpc/{method}", params))["result"]

    async def ask(self, verb: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Make one request with JSON and return the JSON of its response."""
        async with self.request(verb, path, json=body) as response:
            return orjson.loads(await response.read() or b"null")

    @asynccontextmanager
    async def request(
        self, verb: str, path: str, *, headers: Mapping[str, str] | None = None, **body: Any
    ) -> AsyncIterator[ClientResponse]:
        """Make one request; yield a response that is no error."""
        try:
            async with self._session.request(
                verb, f"{self.service.url}{path}", headers={**self._bearer(), **(headers or {})}, **body
            ) as response:
                if response.status >= 400:
                    raise _error(response, await response.read())
                yield response
        except (ClientError, OSError, orjson.JSONDecodeError) as error:
            raise Unreachable(f"no gateway answers at {self.service.url}: {_reason(error)}") from error

    async def websocket(self, path: str) -> ClientWebSocketResponse:
        """Open a WebSocket of the protocol of uploads."""
        try:
            return await self._session.ws_connect(
                f"{self.service.url}{path}",
                protocols=(PROTOCOL,),
                headers=self._bearer(),
                heartbeat=PING_SECONDS,
                max_msg_size=0,
                compress=0,
            )
        except WSServerHandshakeError as error:
            if error.status == Unauthorized.http_status:
                raise Unauthorized("the service refuses the token") from error
            raise Unreachable(f"{self.service.url} opens no WebSocket (status {error.status})") from error
        except (ClientError, OSError) as error:
            raise Unreachable(f"no gateway answers at {self.service.url}: {_reason(error)}") from error

    def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}


def _reason(error: Exception) -> str:
    """Return what is wrong with a connection, in the words of the system where it says something."""
    if isinstance(error, ClientConnectorError) and error.os_error.strerror:
        return error.os_error.strerror
    return str(error) or type(error).__name__


def _error(response: ClientResponse, content: bytes) -> FilesError | Unreachable:
    status = response.status
    if response.method == "HEAD" and "Tus-Resumable" in response.headers and status in _OF_STATUS:
        # The service's own error, of which a reply to HEAD has no body.
        return _OF_STATUS[status](f"the service refuses (status {status})")
    try:
        return error_from_wire(orjson.loads(content)["error"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        if status == TooLarge.http_status:
            return RequestTooLong("a proxy refuses requests of this length")
        if status in STATUSES_OF_PROXIES:
            return Unreachable(f"nothing answers behind the proxy (status {status})")
        return Unreachable(f"another service answers (status {status})")
