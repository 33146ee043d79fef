"""Client of one REST API: credentials, JSON, error translation, retries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import requests
from google.api_core.exceptions import RetryError
from google.api_core.retry import Retry
from google.auth.exceptions import GoogleAuthError, TransportError

from storage_adapters.errors import StorageUnavailable

Answer = TypeVar("Answer")

PUBSUB = "https://pubsub.googleapis.com"
STORAGE = "https://storage.googleapis.com"
SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
TIMEOUT_SECONDS = 20.0
# Start no retry later than this after the first attempt.
REPEAT_SECONDS = 10.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 3.0
MOST_TEXT = 300
_PASSING = frozenset({408, 429, 500, 502, 503, 504})
_NO_ANSWER = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    TransportError,
)


class CloudError(StorageUnavailable):
    """An error response of the API; ``status`` is the HTTP status."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{text} ({status})")
        self.status = status


class NoResponse(StorageUnavailable):
    """No response; the request may have taken effect."""


class TimedOut(NoResponse):
    """No response within the timeout."""


class RestApi:
    """One REST API. ``emulator`` disables credentials. Not thread-safe."""

    def __init__(self, name: str, base: str, *, emulator: str = "") -> None:
        self._name = name
        self._base = _address(emulator) if emulator else base
        self._session: requests.Session | None = None
        self._anonymous = bool(emulator)

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        params: Mapping[str, str] | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> dict[str, Any]:
        """Send one request. Raises CloudError for an error response, else TimedOut or NoResponse."""
        session = self._opened()
        try:
            response = session.request(
                method, f"{self._base}{path}", json=body, params=params, timeout=(TIMEOUT_SECONDS, timeout_seconds)
            )
        except requests.ReadTimeout as error:
            raise TimedOut(f"{self._name}: no answer within {timeout_seconds:g} s") from error
        except _NO_ANSWER as error:
            raise NoResponse(f"{self._name}: {type(error).__name__}") from error
        except (requests.RequestException, GoogleAuthError) as error:
            raise StorageUnavailable(f"{self._name}: {type(error).__name__}") from error
        if response.status_code >= 300:
            raise CloudError(response.status_code, f"{self._name}: {_message(response)}")
        return _json(response)

    def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            self._session.close()

    def _opened(self) -> requests.Session:
        if self._session is None:
            self._session = requests.Session() if self._anonymous else _authorized()
            self._session.trust_env = not self._anonymous
        return self._session


def repeated(ask: Callable[[], Answer]) -> Answer:
    """Repeat an idempotent request after temporary failures, with growing pauses, for some seconds.

    Raises the last failure.
    """
    retry = Retry(
        predicate=_may_pass, initial=FIRST_PAUSE_SECONDS, maximum=LONGEST_PAUSE_SECONDS, timeout=REPEAT_SECONDS
    )
    try:
        return retry(ask)()
    except RetryError as error:
        raise error.cause or error from None


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, NoResponse) or (isinstance(error, CloudError) and error.status in _PASSING)


def _authorized() -> requests.Session:
    import google.auth
    from google.auth.transport.requests import AuthorizedSession

    try:
        credentials, _ = google.auth.default(scopes=SCOPES)
    except GoogleAuthError as error:
        raise StorageUnavailable(f"no Google Cloud credentials: {error}") from error
    session: requests.Session = AuthorizedSession(credentials)  # type: ignore[no-untyped-call]
    return session


def _address(host: str) -> str:
    return (host if "://" in host else f"http://{host}").rstrip("/")


def _json(response: requests.Response) -> dict[str, Any]:
    try:
        value = response.json() if response.content else {}
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise StorageUnavailable("the response is not JSON")
    return value


def _message(response: requests.Response) -> str:
    try:
        return str(response.json()["error"]["message"])[:MOST_TEXT]
    except (ValueError, KeyError, TypeError):
        return response.reason or "refused"
