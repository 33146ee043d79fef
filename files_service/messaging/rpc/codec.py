"""nameko's wire format of requests and replies, encoded by orjson.

kombu's own JSON would turn ``{"__type__": …}`` from a caller into Python objects; here JSON stays JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from nameko.exceptions import BadRequest as NamekoBadRequest
from nameko.exceptions import MalformedRequest, MethodNotFound, serialize

from files_service.errors import BadRequest, FilesError, InternalError
from files_service.messaging.rpc.frames import Delivery, Properties
from files_service.runtime.logs import accepted_request_id

CONTENT_TYPE = "application/json"
HEADER_PREFIX = "nameko."
REQUEST_ID = "request_id"
CALL_STACK = "call_id_stack"
# Identifies this call; the correlation id is None when the caller sent none.
CALL_NAME = "call_name"
# Number of times the consumer requeued a request because its process died.
REDELIVERIES = "files.redeliveries"
# The request was sent before, over a connection that broke.
RETRY = "files.retry"
# Half of RabbitMQ's default limit; a larger reply would close the channel.
MAX_REPLY_BYTES = 64 * 2**20


class Poison(Exception):
    """A message that can never be executed; it goes to the dead-letter queue."""


@dataclass(frozen=True, slots=True)
class Request:
    """A call as it arrived."""

    method: str
    params: dict[str, Any]
    reply_to: str
    correlation_id: str | None
    context: dict[str, Any]
    headers: dict[str, Any]

    @property
    def is_retry(self) -> bool:
        """True when the caller sent this call before."""
        return RETRY in self.headers

    @property
    def redeliveries(self) -> int:
        """The number of times the call was requeued."""
        count = self.headers.get(REDELIVERIES)
        return count if isinstance(count, int) else 0

    @property
    def request_id(self) -> str:
        """The id of this call in logs."""
        found: str = self.context[REQUEST_ID]
        return found


def reply_address(delivery: Delivery) -> tuple[str, str | None] | None:
    """Return (reply_to, correlation id) of a reply, or None when the message has no reply_to."""
    properties = delivery.properties or {}
    reply_to = properties.get("reply_to")
    return (reply_to, properties.get("correlation_id")) if reply_to else None


def read_request(delivery: Delivery) -> Request:
    """Read a call. Raises Poison, or BadRequest for a well-formed call with positional arguments."""
    properties = delivery.properties
    if properties is None:
        raise Poison("its properties cannot be decoded")
    if delivery.is_oversized:
        raise Poison(f"its body has {delivery.size} bytes")
    if not properties.get("reply_to"):
        raise Poison("it has no reply_to")
    if properties.get("content_type") != CONTENT_TYPE:
        raise Poison("its content type is not application/json")
    try:
        body = orjson.loads(delivery.body)
    except ValueError:
        raise Poison("its body is not JSON") from None
    if not isinstance(body, dict) or not isinstance(body.get("args"), list) or not isinstance(body.get("kwargs"), dict):
        raise Poison("its body is not {args: [...], kwargs: {...}}")
    if body["args"]:
        message = "Only keyword arguments are accepted."
        raise BadRequest(f"args: {message}", {"fields": {"args": [message]}})
    headers = properties.get("application_headers") or {}
    return Request(
        method=delivery.routing_key,
        params=body["kwargs"],
        reply_to=properties["reply_to"],
        correlation_id=properties.get("correlation_id"),
        context=_context(properties, headers),
        headers=headers,
    )


def _context(properties: Properties, headers: dict[str, Any]) -> dict[str, Any]:
    context = {key.removeprefix(HEADER_PREFIX): headers[key] for key in headers if key.startswith(HEADER_PREFIX)}
    stack = context.get(CALL_STACK)
    # nameko joins the elements without checking their types.
    context[CALL_STACK] = [each for each in stack if isinstance(each, str)] if isinstance(stack, list) else []
    given = context.get(REQUEST_ID)
    context[REQUEST_ID] = accepted_request_id(given if isinstance(given, str) else None)
    context[CALL_NAME] = (properties["reply_to"], properties.get("correlation_id"))
    return context


def encode_result(result: Any, request_id: str) -> bytes:
    """Encode a reply; a result that cannot be encoded becomes an error."""
    try:
        body = orjson.dumps({"result": result, "error": None})
    except orjson.JSONEncodeError:
        return encode_error(InternalError("the result cannot be encoded", {"request_id": request_id}))
    if len(body) > MAX_REPLY_BYTES:
        return encode_error(InternalError("the result is too large", {"request_id": request_id}))
    return body


def encode_error(error: Exception) -> bytes:
    """Encode a reply that raises at the caller; ``exc_args`` keep their JSON types."""
    if isinstance(error, FilesError):
        cls = type(error)
        wire: Mapping[str, Any] = {
            "exc_type": cls.__name__,
            "exc_path": f"{cls.__module__}.{cls.__name__}",
            "exc_args": [error.message, error.details],
            "value": str(error),
        }
    else:
        assert isinstance(error, NamekoBadRequest)
        wire = serialize(error)
    return orjson.dumps({"result": None, "error": wire}, default=str)


def malformed(reason: str) -> Exception:
    """Return the error for the sender of a poison message."""
    error: Exception = MalformedRequest(f"the message was rejected: {reason}")
    return error


def method_not_found(method: str) -> Exception:
    """Return the error that stock nameko sends for an unknown method."""
    error: Exception = MethodNotFound(method.rpartition(".")[2])
    return error
