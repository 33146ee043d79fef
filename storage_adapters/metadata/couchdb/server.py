"""Calls of the server by python-couchdb, whose exceptions become StorageUnavailable.

1. Nothing waits without a limit: each step of a request has the URL's timeout.
2. A request that breaks on a connection that was kept open is sent once more on a new one; nothing else is. All our
   requests may be sent twice: reads, entries with a revision of their own making, and documents with a ``write_id``,
   by which ``database`` tells a write of its own from another writer's.
3. A write that fewer nodes of a cluster than a quorum took is one whose answer was lost: it may be there, or not.
4. The client keeps no answers and follows no redirections.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import Any

import orjson
from couchdb.http import (
    Forbidden,
    HTTPError,
    PreconditionFailed,
    Resource,
    ResourceConflict,
    ResourceNotFound,
    ServerError,
    Session,
    Unauthorized,
)

from storage_adapters.errors import NoAnswerInTime, StorageUnavailable
from storage_adapters.metadata.couchdb.connections import Connections
from storage_adapters.metadata.couchdb.location import Location

_STATUSES = {
    Unauthorized: 401,
    Forbidden: 403,
    ResourceNotFound: 404,
    ResourceConflict: 409,
    PreconditionFailed: 412,
}
# The answer to a HEAD says no more than its status.
_UNSAID = {
    401: "the server does not take this user and password",
    403: "the user may not do this: it must be a member of the databases, and an administrator to create them",
}
# Of CouchDB, and of pouchdb-server.
_NO_DATABASE = ("Database does not exist.", "no_db_file")
ACCEPTED, SERVER_ERROR, GATEWAY_TIMEOUT = 202, 500, 504
_JSON = {"Content-Type": "application/json"}


class Server:
    """One CouchDB; may be used by several threads."""

    def __init__(self, location: Location) -> None:
        session = Session(timeout=location.timeout_seconds, retryable_errors=())
        self._connections = Connections(location)
        session.connection_pool = self._connections
        self._resource = Resource(location.url, session)
        self._resource.credentials = location.credentials
        self._closed = False

    def request(
        self,
        method: str,
        *path: str,
        body: Any = None,
        params: Mapping[str, str] | None = None,
        allowed: Collection[int] = (),
    ) -> tuple[int, Any, bool]:
        """Send a request; return the status, the JSON of the answer, and whether it was sent twice.

        ``body`` is bytes of JSON, or a value to encode as JSON. A status of an error and is not among
        the ``allowed`` is raised; the answer of one that is allowed has ``error`` and ``reason``, but to a HEAD.
        """
        if self._closed:
            raise StorageUnavailable("the store is closed")
        if body is not None and not isinstance(body, bytes):
            body = orjson.dumps(body)
        try:
            status, value = self._send(method, path, body, params or {}, allowed)
        except _BrokenConnection:
            self._connections.clear()
            status, value = self._send(method, path, body, params or {}, allowed)
            return status, value, True
        return status, value, False

    def close(self) -> None:
        """Close the connections that are idle; one in use ends with its call."""
        self._closed = True
        self._connections.close()

    def _send(
        self,
        method: str,
        path: tuple[str, ...],
        body: bytes | None,
        params: Mapping[str, str],
        allowed: Collection[int],
    ) -> tuple[int, Any]:
        try:
            # ``_request`` takes any method and any body; the public methods are one line each around it.
            status, _, data = self._resource._request(  # noqa: SLF001
                method, list(path), body=body, headers=_JSON if body is not None else None, **params
            )
            answer = None if data is None else orjson.loads(data.read())
        except HTTPError as error:
            status, said = _refusal_of(error)
            if status not in allowed:
                raise raised(status, said) from error
            return status, said
        except Exception as error:
            # The client lets through what it stumbles over: sockets, broken answers, its own defects.
            reused = self._connections.abandon()
            if reused and not isinstance(error, TimeoutError):
                raise _BrokenConnection(_said(error)) from error
            late = isinstance(error, TimeoutError)
            raise (NoAnswerInTime if late else StorageUnavailable)(_said(error)) from error
        finally:
            self._connections.abandon()
        if status == ACCEPTED:
            # Fewer nodes of a cluster than a quorum have it: it may be lost with them. Another attempt tells.
            raise StorageUnavailable("couchdb: 202: too few nodes of the cluster took the write")
        return status, answer


class _BrokenConnection(StorageUnavailable):
    """A connection that had been used before was closed under the request."""


def _said(error: Exception) -> str:
    # The client raises a broken connection by its number alone.
    number = error.args[0] if isinstance(error, OSError) and len(error.args) == 1 else None
    text = os.strerror(number) if isinstance(number, int) else error
    return f"couchdb: {text or 'no answer'} ({type(error).__name__})"


def _refusal_of(error: HTTPError) -> tuple[int, dict[str, Any]]:
    """Return the status and the answer: an error and a reason, or nothing to a HEAD."""
    said: Any = error.args[0] if error.args else ""
    if isinstance(error, ServerError):
        status, said = said
    else:
        status = _STATUSES[type(error)]
    return int(status), dict(zip(("error", "reason"), said, strict=True)) if isinstance(said, tuple) else {}


def raised(status: int, said: Mapping[str, Any]) -> StorageUnavailable:
    """Make the error of a refusal."""
    text = ": ".join(str(part) for part in said.values() if part) or _UNSAID.get(status, "")
    if said.get("reason") in _NO_DATABASE:
        text += "; `files doctor` has the remedy"
    timed_out = status == GATEWAY_TIMEOUT or (status == SERVER_ERROR and said.get("error") == "timeout")
    return (NoAnswerInTime if timed_out else StorageUnavailable)(f"couchdb: {status} {text}".rstrip())
