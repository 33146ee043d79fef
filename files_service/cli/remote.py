"""A client of a running gateway: calls through ``/rpc``, bytes through signed URLs."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import urlsplit

import orjson

from files_service.cli.session import Failed
from files_service.config import Settings
from files_service.domain.identity import is_peoples
from files_service.errors import Unauthorized, error_from_wire
from files_service.runtime.backoff import STATUSES_OF_PROXIES, delay_after

_ADVICE = "Set FILES_TOKEN to a token that `files token OWNER` prints beside the service, or work in its folder."
DEFAULT_OWNER = "me"
_MOST_FAILURES = 8
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
T = TypeVar("T")


class Unreachable(Failed):
    """A gateway that does not answer."""


class NoneBehindProxy(Failed):
    """A proxy that has no gateway in this moment, or a store that is busy: it may have one soon."""


class NotSignedIn(Failed):
    """A gateway that does not accept this client's token, or no token."""


class Remote:
    """The gateway at ``public_url``. Raises FilesError for its error responses, Unreachable and NotSignedIn."""

    def __init__(self, settings: Settings) -> None:
        self.url = settings.public_url
        self.token = settings.token or settings.rpc_token
        self._timeout = settings.rpc_timeout_seconds

    @cached_property
    def owner(self) -> str:
        """The owner whom the token stands for; the first user's name for the RPC token, which stands for none."""
        from files_service.gateway.auth.bearer import claimed_owner

        if is_peoples(self.token):
            # Only the service knows whose session or key it is.
            headers = {"Authorization": f"Bearer {self.token}"}
            with self._signing_in():
                return str(self._send("GET", f"{self.url}/api/auth/me", b"", headers)["account"]["owner"])
        return claimed_owner(self.token) or DEFAULT_OWNER

    def call(self, method: str, params: dict[str, Any]) -> Any:
        """Call a method and return its result. It is repeated while a proxy has no gateway: all calls allow that."""
        if not self.token:
            raise NotSignedIn(f"there is no token for {self.url}", _ADVICE)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        with self._signing_in():
            url, body = f"{self.url}/rpc/{method}", orjson.dumps(params)
            return self.patiently(lambda: self._send("POST", url, body, headers))["result"]

    def pages(self, method: str, params: Mapping[str, Any]) -> Iterator[Any]:
        """Call a method of lists and yield all its pages."""
        page = dict(params)
        while True:
            found = self.call(method, page)
            yield found
            if found["next_cursor"] is None:
                return
            page["cursor"] = found["next_cursor"]

    def patiently(self, attempt: Callable[[], T]) -> T:
        """Repeat what meets a proxy without a gateway, with growing pauses. Raises NoneBehindProxy in the end."""
        for failures in range(_MOST_FAILURES):
            try:
                return attempt()
            except NoneBehindProxy:
                time.sleep(delay_after(failures, first=_FIRST_PAUSE, longest=_LONGEST_PAUSE))
        return attempt()

    def put(self, url: str, body: Iterable[bytes], headers: dict[str, str]) -> bool:
        """Send bytes to a signed URL; return False for that of a bucket, which does not tell the service.

        Raises NoneBehindProxy: then they may be sent again.
        """
        status, content = self._exchange("PUT", url, body, headers)
        try:
            answer = self.result(status, content)
        except NoneBehindProxy:
            raise
        except Failed:
            # The envelope of errors is that of the gateway alone.
            if status >= 300:
                raise Failed(f"the blob store refuses the bytes (status {status})", "Run `files doctor`.") from None
            return False
        return "file_id" in answer

    @contextmanager
    def get(self, url: str, headers: Mapping[str, str]) -> Iterator[http.client.HTTPResponse]:
        """Read from a signed URL. Errors of the connection are raised as they are."""
        connection = self._connection(url)
        try:
            connection.request("GET", _target(url), headers=dict(headers))
            yield connection.getresponse()
        finally:
            connection.close()

    @contextmanager
    def _signing_in(self) -> Iterator[None]:
        try:
            yield
        except Unauthorized as error:
            raise NotSignedIn(f"{self.url} refuses the token: {error}", _ADVICE) from error

    def result(self, status: int, content: bytes) -> Any:
        """Return a response's JSON, or raise the error that it holds."""
        try:
            answer = orjson.loads(content)
            if status >= 400:
                raise error_from_wire(answer["error"])
        except (orjson.JSONDecodeError, KeyError, TypeError):
            if status in STATUSES_OF_PROXIES:
                raise NoneBehindProxy(
                    f"nothing answers behind {self.url} (status {status})", "See the log of the gateways."
                ) from None
            raise Failed(f"another service answers at {self.url} (status {status})", "Correct FILES_HTTP.") from None
        return answer

    def _connection(self, url: str) -> http.client.HTTPConnection:
        parts = urlsplit(url)
        if parts.hostname is None:
            raise Failed(f"{url} is not a URL", "Correct FILES_PUBLIC_URL.")
        connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        return connect(parts.hostname, parts.port, timeout=self._timeout)

    def _send(self, method: str, url: str, body: bytes, headers: dict[str, str]) -> Any:
        return self.result(*self._exchange(method, url, body, headers))

    def _exchange(
        self, method: str, url: str, body: bytes | Iterable[bytes], headers: dict[str, str]
    ) -> tuple[int, bytes]:
        connection = self._connection(url)
        try:
            # A server that rejects the body early closes the connection; its response may still have arrived.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, _target(url), body, headers)
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise self.unreachable(error) from error
        finally:
            connection.close()
        return response.status, content

    def unreachable(self, error: Exception) -> Unreachable:
        """Make the failure of a connection that failed."""
        if isinstance(error, TimeoutError):
            return Unreachable(
                f"the gateway at {self.url} did not answer within {self._timeout} s",
                "It is busy or stuck: see its log. The call may have taken effect; repeating it is safe.",
            )
        return Unreachable(
            f"no gateway answers at {self.url}: {error}",
            "Start one with `files up` in the same folder and with the same settings, or correct FILES_HTTP;"
            " FILES_PUBLIC_URL names one on another machine.",
        )


def _target(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
