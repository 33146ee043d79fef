"""A client of a running gateway: calls through ``/rpc``, bytes through signed URLs."""

from __future__ import annotations

import http.client
from collections.abc import Iterable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import orjson

from files_service.cli.session import Failed
from files_service.config import Settings
from files_service.errors import FilesError, error_from_wire


class Remote:
    """The gateway at ``public_url``. Raises FilesError for its error responses, Failed when it does not respond."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.public_url
        self._token = settings.rpc_token
        self._timeout = settings.rpc_timeout_seconds

    def call(self, method: str, params: dict[str, Any]) -> Any:
        """Call a method and return its result."""
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        answer = self._send("POST", f"{self._url}/rpc/{method}", orjson.dumps(params), headers)
        return answer["result"]

    def put(self, url: str, body: Iterable[bytes], headers: dict[str, str]) -> Any:
        """Send bytes to a signed URL."""
        return self._send("PUT", url, body, headers)

    def _send(self, method: str, url: str, body: bytes | Iterable[bytes], headers: dict[str, str]) -> Any:
        parts = urlsplit(url)
        if parts.hostname is None:
            raise Failed(f"{url} is not a URL", "Correct FILES_PUBLIC_URL.")
        connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = connect(parts.hostname, parts.port, timeout=self._timeout)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        try:
            # A server that rejects the body early closes the connection; its response may still have arrived.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, target, body, headers)
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error
        finally:
            connection.close()
        return self._result(response.status, content)

    def _unreachable(self, error: Exception) -> Failed:
        if isinstance(error, TimeoutError):
            return Failed(
                f"the gateway at {self._url} did not answer within {self._timeout} s",
                "It is busy or stuck: see its log. The call may have taken effect; repeating it is safe.",
            )
        return Failed(
            f"no gateway answers at {self._url}: {error}",
            "Start one with `files up` in the same folder and with the same settings, or correct FILES_HTTP.",
        )

    def _result(self, status: int, content: bytes) -> Any:
        try:
            answer = orjson.loads(content)
            if status >= 400:
                raise error_from_wire(answer["error"])
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise Failed(f"another service answers at {self._url} (status {status})", "Correct FILES_HTTP.") from None
        return answer


def failure_of(error: FilesError) -> Failed:
    """Format an error with its code and field messages."""
    lines = [f"{error.code}: {error}"]
    details = dict(error.details)
    fields = details.pop("fields", None)
    if isinstance(fields, dict):
        lines += [f"  {name}: {' '.join(map(str, faults))}" for name, faults in fields.items()]
    lines += [f"  {name}: {value}" for name, value in details.items()]
    return Failed("\n".join(lines))
