"""Middleware: request ids, metrics and the access log of all doors; errors and limits of each door."""

from __future__ import annotations

import asyncio
import errno
import logging
import time
from collections.abc import Awaitable, Callable
from urllib.parse import unquote, unquote_to_bytes

from aiohttp import web
from aiohttp.typedefs import Middleware

from files_service.errors import BadRequest, FilesError, InternalError, NotFound, TooManyRequests, printable
from files_service.gateway.peers import CLIENT, client_of, host_of, peer_holder
from files_service.gateway.query import LISTS
from files_service.gateway.replies import CLOSE, HTTPError, bad_field
from files_service.gateway.state import gateway_of
from files_service.gateway.threads import (
    HOLDER,
)
from files_service.runtime.logs import (
    ACCESS_LOGGER,
    accepted_request_id,
    request_id,
)

logger = logging.getLogger(__name__)
access_logger = logging.getLogger(ACCESS_LOGGER)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
ErrorForm = Callable[[web.Request, HTTPError], web.StreamResponse]
Check = Callable[[web.Request], None]

SERVER = "files"
# Errors of a connection that are no ConnectionError: among them the end of a peer that acknowledges nothing.
_PEER_GONE = (errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN)
REQUEST_ID = "X-Request-Id"
# Routes that clients poll: their requests are logged at DEBUG.
QUIET_ROUTES = frozenset(("/healthz", "/readyz", "/metrics", "/static/{name}"))
# Headers that an error of this status carries at every door.
_HEADERS = {401: {"WWW-Authenticate": 'Bearer realm="files"'}, 503: {"Retry-After": "1"}}


@web.middleware
async def handle_request(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer a request of any door under its request id; count and log it."""
    gateway = gateway_of(request)
    host, forwarded = host_of(request.transport), request.headers.getall("X-Forwarded-For", ())
    request[CLIENT] = client_of(host, forwarded, gateway.core.settings.trusted_proxies)
    HOLDER.set(peer_holder(request))
    token = request_id.set(accepted_request_id(request.headers.get(REQUEST_ID)))
    started, status, sent = time.perf_counter(), 499, 0
    try:
        with gateway.request_in_flight(), gateway.metrics.in_flight.track_inprogress():
            response = await handler(request)
            # Sent here, not by the server: the log line and a stopping gateway wait for the last byte.
            await response.prepare(request)
            await response.write_eof()
            status, sent = response.status, response.body_length
            return response
    finally:
        seconds = time.perf_counter() - started
        route, peer = route_of(request), request[CLIENT]
        gateway.metrics.request(route, request.method, status, seconds)
        fields = {
            "method": request.method,
            "path": request.path[:300],
            "status": status,
            "ms": round(seconds * 1000, 1),
            "sent_bytes": sent,
            "remote": request[CLIENT],
        }
        gateway.refused_requests.report()
        level = logging.DEBUG if route in QUIET_ROUTES and status < 400 else logging.INFO
        if not _is_refusal(status) or gateway.refused_requests.admits(peer, request.method, route, str(status)):
            access_logger.log(level, "request", extra=fields)
        request_id.reset(token)


def _is_refusal(status: int) -> bool:
    """Return True for an answer that clients can cause as often as they like, unlike a failure of ours."""
    return 400 <= status < 500 or status == 503


def answering_errors(error_form: ErrorForm, check: Check) -> Middleware:
    """Make the middleware of a door: ``check`` runs before the handler, errors are answered in ``error_form``."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            check(request)
            return await handler(request)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno in _PEER_GONE:
                raise ConnectionResetError("the client went away, or stopped reading") from error
            answered = _as_http_error(request, error)
        if request.writer.output_size > 0:
            # Part of an answer is out: only a broken connection tells the client that it is incomplete.
            if request.transport is not None:
                request.transport.abort()
            raise ConnectionResetError("the answer could not be completed")
        return error_form(request, answered)

    return answer


def within_limits(request: web.Request) -> None:
    """Check the limits of any request. Raises HTTPError."""
    if len(request.query) > gateway_of(request).limits.query_parameters:
        raise bad_field("query", "Too many parameters.")
    for name in request.query:
        if name not in LISTS and len(request.query.getall(name)) > 1:
            raise bad_field(printable(name) or "query", "Given more than once.")
    # aiohttp would read another text in the place of these bytes.
    for pair in request.rel_url.raw_query_string.split("&"):
        try:
            unquote_to_bytes(pair).decode()
        except UnicodeDecodeError:
            raise bad_field(printable(unquote(pair.partition("=")[0])) or "query", "Not UTF-8.") from None


def _as_http_error(request: web.Request, error: Exception) -> HTTPError:
    match error:
        case HTTPError():
            return error
        case FilesError():
            return HTTPError(error, headers=_headers_of(error))
        case web.HTTPNotFound():
            # aiohttp matches no pattern against a line feed.
            return HTTPError(NotFound("there is nothing at this address"))
        case web.HTTPException():
            return HTTPError(BadRequest(error.reason), error.status)
    logger.error("request failed", extra={"method": request.method, "path": request.path[:300]}, exc_info=error)
    return HTTPError(InternalError("the gateway failed; its log has the details under the request id"))


def _headers_of(error: FilesError) -> dict[str, str]:
    """Return the headers that an error carries at every door."""
    if isinstance(error, TooManyRequests):
        return {"Retry-After": str(error.details.get("retry_after_seconds", 1))}
    return _HEADERS.get(error.http_status, {})


def route_of(request: web.Request) -> str:
    """Return the pattern that the request's path matched."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "none"


async def finish_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add the headers of every reply; headers that a handler has set stay."""
    headers = response.headers
    headers["Server"] = SERVER
    headers[REQUEST_ID] = request_id.get()
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "no-referrer")
    headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    # No further request can follow a body that did not arrive.
    if response.status == 408 or request.get(CLOSE) or gateway_of(request).stopping:
        response.force_close()
        headers["Connection"] = "close"
