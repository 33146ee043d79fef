"""What happens around every handler: request id, errors to envelopes, headers, counters, one line in the log."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from files_service.errors import BadRequest, FilesError, InternalError, MethodNotAllowed, NotFound, ServiceUnavailable
from files_service.gateway.doors.blobs.address import CORS, PATH
from files_service.gateway.doors.tus import protocol as tus
from files_service.gateway.replies import CLOSE, Refused, bad_field, error_reply
from files_service.gateway.state import gateway_of
from files_service.runtime.logs import ACCESS_LOGGER, QUIET, accepted_request_id, request_id

logger = logging.getLogger(__name__)
access_logger = logging.getLogger(ACCESS_LOGGER)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

SERVER = "files"
API = "/api/"
REQUEST_ID = "X-Request-Id"
# Requests that come by themselves, and by the dozen.
QUIET_ROUTES = frozenset(("/healthz", "/readyz", "/metrics", "/static/{name}"))


@web.middleware
async def exchange(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Run a handler and see to everything that all have in common."""
    gateway = gateway_of(request)
    token = request_id.set(accepted_request_id(request.headers.get(REQUEST_ID)))
    started, status, sent = time.perf_counter(), 499, 0
    try:
        with gateway.request_in_flight(), gateway.metrics.in_flight.track_inprogress():
            response = await _answer(request, handler)
            # Sent here, not by the server: the log line and a stopping gateway wait for the last byte.
            await response.prepare(request)
            await response.write_eof()
            status, sent = response.status, response.body_length
            return response
    finally:
        seconds = time.perf_counter() - started
        route = route_of(request)
        gateway.metrics.request(route, request.method, status, seconds)
        fields = {
            "method": request.method,
            "path": request.path[:300],
            "status": status,
            "ms": round(seconds * 1000, 1),
            "sent_bytes": sent,
            "remote": request.remote,
        }
        quiet = QUIET if route in QUIET_ROUTES and status < 400 else {}
        access_logger.info("request", extra={**fields, **quiet})
        request_id.reset(token)


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Run the handler; whatever it raises becomes an answer, as long as none has begun."""
    try:
        if len(request.query) > gateway_of(request).limits.query_parameters:
            raise bad_field("query", "Too many parameters.")
        return await handler(request)
    except Refused as error:
        refused = error
    except FilesError as error:
        refused = Refused(error, headers=_retry(error))
    except (ConnectionError, asyncio.CancelledError):
        raise
    except web.HTTPException as error:
        refused = Refused(_of_status(error), error.status)
    except Exception:
        logger.exception("request failed", extra={"method": request.method, "path": request.path[:300]})
        refused = Refused(InternalError("the gateway failed; its log has the particulars under the request id"))
    if request.writer.output_size > 0:
        # Half an answer is out: only breaking off tells the client that it is not whole.
        raise ConnectionResetError("the answer could not be completed")
    return error_reply(refused)


def _retry(error: FilesError) -> dict[str, str]:
    return {"Retry-After": "1"} if error.http_status == 503 else {}


def _of_status(error: web.HTTPException) -> FilesError:
    """What aiohttp itself refuses, in our words."""
    match error.status:
        case 404:
            return NotFound("there is nothing at this address")
        case 405:
            return MethodNotAllowed("the address does not take this method")
        case 503:
            return ServiceUnavailable(error.reason)
        case _:
            return BadRequest(error.reason)


def route_of(request: web.Request) -> str:
    """The pattern that the request's path matched."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "none"


async def finish_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Give every answer the headers that all have; what the handler set stays."""
    headers = response.headers
    headers["Server"] = SERVER
    headers[REQUEST_ID] = request_id.get()
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "no-referrer")
    headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    if request.path.startswith(PATH) or request.path.startswith(API):
        headers.update(CORS)
    elif request.path.startswith(tus.PATH):
        headers.update(tus.CORS)
        headers["Tus-Resumable"] = tus.VERSION
    # Behind a body that did not come nothing else can come either.
    if response.status == 408 or request.get(CLOSE) or gateway_of(request).stopping:
        response.force_close()
        headers["Connection"] = "close"
