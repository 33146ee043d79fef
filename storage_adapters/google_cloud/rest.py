"""One way to each API: requests with credentials, answers as JSON, failures as ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests

from storage_adapters.errors import StorageUnavailable

PUBSUB = "https://pubsub.googleapis.com"
STORAGE = "https://storage.googleapis.com"
SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
TIMEOUT_SECONDS = 20.0
MOST_TEXT = 300


class CloudRefusal(StorageUnavailable):
    """The API answered with an error; ``status`` is that of HTTP."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{text} ({status})")
        self.status = status


class Rest:
    """An API at one address. With ``emulator`` nobody asks for credentials. One thread at a time may use it."""

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
        """Make one request. Raises CloudRefusal for an error, Waited when time was up, else StorageUnavailable."""
        session = self._opened()
        try:
            response = session.request(
                method, f"{self._base}{path}", json=body, params=params, timeout=(TIMEOUT_SECONDS, timeout_seconds)
            )
        except requests.ReadTimeout as error:
            raise Waited(f"{self._name}: no answer within {timeout_seconds:g} s") from error
        except _errors() as error:
            raise StorageUnavailable(f"{self._name}: {type(error).__name__}") from error
        if response.status_code >= 300:
            raise CloudRefusal(response.status_code, f"{self._name}: {_message(response)}")
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


class Waited(StorageUnavailable):
    """No answer came in the time that was given to it."""


def _authorized() -> requests.Session:
    import google.auth
    import google.auth.exceptions
    from google.auth.transport.requests import AuthorizedSession

    try:
        credentials, _ = google.auth.default(scopes=SCOPES)
    except google.auth.exceptions.GoogleAuthError as error:
        raise StorageUnavailable(f"no credentials of Google Cloud: {error}") from error
    session: requests.Session = AuthorizedSession(credentials)  # type: ignore[no-untyped-call]
    return session


def _errors() -> tuple[type[Exception], ...]:
    """What a session may raise; without google-auth there are no errors of its."""
    try:
        from google.auth.exceptions import GoogleAuthError
    except ImportError:
        return (requests.RequestException,)
    return (requests.RequestException, GoogleAuthError)


def _address(host: str) -> str:
    return (host if "://" in host else f"http://{host}").rstrip("/")


def _json(response: requests.Response) -> dict[str, Any]:
    try:
        value = response.json() if response.content else {}
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise StorageUnavailable("the answer is not JSON")
    return value


def _message(response: requests.Response) -> str:
    try:
        return str(response.json()["error"]["message"])[:MOST_TEXT]
    except (ValueError, KeyError, TypeError):
        return response.reason or "refused"
