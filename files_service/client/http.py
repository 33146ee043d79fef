"""Calls over HTTP: ``POST /rpc/<method>``."""

from __future__ import annotations

from typing import Any

import orjson
import requests
from requests.adapters import HTTPAdapter

from files_service.client.transport import Call, Transport
from files_service.errors import BadRequest, FilesError, InternalError, error_from_wire
from files_service.runtime.addresses import is_token
from files_service.runtime.backoff import STATUSES_OF_PROXIES

_CONNECT_SECONDS = 5.0


class HttpTransport(Transport):
    """A pool of connections to one gateway."""

    def __init__(self, url: str, *, token: str | None, pool_size: int) -> None:
        self._url = url.rstrip("/")
        self._session = requests.Session()
        adapter = HTTPAdapter(pool_connections=1, pool_maxsize=pool_size)
        self._session.mount(self._url, adapter)
        self._session.headers["Content-Type"] = "application/json"
        if token is not None:
            if not is_token(token):
                raise BadRequest("the token must be one line of ASCII without spaces at its ends")
            self._session.headers["Authorization"] = f"Bearer {token}"
            # Without it, the password of an entry of ~/.netrc for this host takes the place of the token.
            self._session.auth = lambda request: request

    def call(self, call: Call) -> Any:
        """Send a call and return its result."""
        try:
            body = orjson.dumps(call.params)
        except orjson.JSONEncodeError as error:
            raise BadRequest(f"the parameters are not JSON: {error}") from error
        reason = ""
        for _ in call.attempts():
            try:
                response = self._post(call, body)
            except ValueError:
                # Of no connection; its text has the header at fault.
                raise BadRequest("the address, or the request id, cannot be sent by HTTP") from None
            except requests.RequestException as error:
                reason = str(error)
                continue
            answer = _read(response)
            if response.status_code not in STATUSES_OF_PROXIES or _is_final(answer):
                return _result(answer, response.status_code)
            reason = f"HTTP status {response.status_code}"
        raise call.gave_up(reason)

    def _post(self, call: Call, body: bytes) -> requests.Response:
        seconds = call.remaining_seconds
        return self._session.post(
            f"{self._url}/rpc/{call.method}",
            data=body,
            headers={"X-Request-Id": call.request_id},
            timeout=(min(_CONNECT_SECONDS, seconds), seconds),
            allow_redirects=False,
        )

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


def _read(response: requests.Response) -> dict[str, Any]:
    try:
        answer = orjson.loads(response.content)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _is_final(answer: dict[str, Any]) -> bool:
    # Errors of the service itself are raised: the caller decides on a retry.
    return isinstance(answer.get("error"), dict) and answer["error"].get("code") != "service_unavailable"


def _result(answer: dict[str, Any], status: int) -> Any:
    if "result" in answer:
        return answer["result"]
    if isinstance(answer.get("error"), dict):
        raise error_from_wire(answer["error"])
    if status == 404:
        raise BadRequest("no Files service at this address")
    error: FilesError = InternalError(f"the response (HTTP status {status}) is not from the Files service")
    raise error
