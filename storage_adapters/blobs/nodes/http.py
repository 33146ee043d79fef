"""One HTTP client for all threads of an adapter, and the only place that translates its exceptions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from storage_adapters.blobs.nodes.authentication import EMPTY_SHA256, NodeKeys, SignedRequest

CONNECT_SECONDS = 1.0
CONNECTIONS_OF_NODE = 32
_NODES = 64


class NoReply(Exception):
    """A request that was not answered; its effect is unknown."""


@dataclass(frozen=True, slots=True)
class HttpReply:
    """An answer, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Plain(HTTPConnection):
    """Connection that is made soon or not at all, but takes its time to send a body: the receiver may be busy."""

    def connect(self) -> None:
        """Connect."""
        patience, self.timeout = self.timeout, _soon(self.timeout)
        super().connect()
        self.timeout = patience
        self.sock.settimeout(patience)


class _Secure(_Plain, HTTPSConnection):
    """The same with TLS."""


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Secure


def _soon(timeout: float | None) -> float:
    return CONNECT_SECONDS if timeout is None else min(CONNECT_SECONDS, timeout)


class SignedClient:
    """Requests with signatures, over connections that are kept."""

    def __init__(self, keys: NodeKeys) -> None:
        self._keys = keys
        self._pool = urllib3.PoolManager(
            num_pools=_NODES, maxsize=CONNECTIONS_OF_NODE, retries=False, headers={"User-Agent": "files"}
        )
        self._pool.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}

    def request(
        self,
        url: str,
        request: SignedRequest,
        *,
        body: Any = b"",
        headers: Mapping[str, str] | None = None,
        now: int,
        timeout: float,
        destroys: bool = False,
    ) -> HttpReply:
        """Send a request, whose body is bytes, and read the answer. Raises NoReply."""
        signed = self._keys.headers(request, now=now, destroys=destroys)
        try:
            reply = self._pool.request(
                request.method,
                url + request.path,
                body=body if len(body) else None,
                headers={**(headers or {}), **signed},
                timeout=urllib3.Timeout(connect=timeout, read=timeout),
                redirect=False,
            )
        except (HTTPError, OSError) as error:
            # The text of the library has addresses, and says little more.
            raise NoReply(type(error).__name__) from None
        return HttpReply(reply.status, reply.headers, reply.data)

    def close(self) -> None:
        """Close all connections."""
        self._pool.clear()


def refusal(reply: HttpReply) -> str:
    """Return why a controller did not take a request, in words for the operator."""
    message = f"it answers {reply.status}"
    with suppress(ValueError, TypeError, KeyError):
        message = str(json.loads(reply.body)["error"]["message"])
    if reply.status != 401:
        return f"a controller of the nodes refuses: {message}"
    return f"a controller of the nodes refuses the signature: {message}; FILES_NODES_SECRET is the same for all"


def hash_of(body: bytes | bytearray | memoryview) -> str:
    """Return the SHA-256 of a body."""
    return hashlib.sha256(body).hexdigest() if len(body) else EMPTY_SHA256
