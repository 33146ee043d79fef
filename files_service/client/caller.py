"""The base of the groups of methods."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, TypeVar

from files_service.client.transport import Call, Transport
from files_service.runtime.logs import request_id

Result = TypeVar("Result")


class Caller:
    """A group of methods over one transport."""

    def __init__(self, transport: Transport, timeout: float) -> None:
        self._transport = transport
        self._timeout = timeout

    def _call(self, method: str, given: Mapping[str, Any]) -> Result:  # type: ignore[type-var]
        """Call a method; its result has the type that the caller declares."""
        call = Call(
            method=method,
            params=dict(given),
            timeout_seconds=self._timeout,
            request_id=request_id.get() or uuid.uuid4().hex,
        )
        result: Result = self._transport.call(call)
        return result


def named(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters with an id of the request, so that a repeated call finds what the first one did."""
    return {**given} if given.get("request_id") else {**given, "request_id": uuid.uuid4().hex}
