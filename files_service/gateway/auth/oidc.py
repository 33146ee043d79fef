"""Senders of push notifications: Pub/Sub by a token that Google signed (OIDC), or a shared token. Fail closed."""

from __future__ import annotations

import hmac
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import jwt
from aiohttp import web

from files_service.config import Settings
from files_service.errors import Forbidden
from files_service.gateway.auth.bearer import CLOCK_SKEW_SECONDS, unauthorized
from files_service.gateway.auth.certificates import Certificates

PUSH_PATH = "/webhooks/gcs/pubsub"
SHARED_HEADER = "X-Files-Token"
SHARED_PARAMETER = "token"
ISSUERS = ("https://accounts.google.com", "accounts.google.com")
MAX_TOKEN = 4_096
REMEMBERED = 100


class Senders:
    """The senders that may push. A valid token is cached until it expires: an hour of pushes carries the same one."""

    def __init__(self, settings: Settings, *, now: Callable[[], float] = time.time) -> None:
        self._email = settings.webhook_email
        self._audience = settings.webhook_audience or f"{settings.public_url}{PUSH_PATH}"
        self._token = settings.webhook_token.encode()
        self._certificates = Certificates(settings.webhook_certs_url)
        self._now = now
        self._remembered: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def admit_at_once(self, request: web.Request) -> bool:
        """Return True for a sender that is known; else ``admit`` decides, in a thread, because it may fetch keys.

        Raises Forbidden when no sender is configured.
        """
        if not self._email and not self._token:
            message = "no sender is configured: set FILES_WEBHOOK_EMAIL or FILES_WEBHOOK_TOKEN"
            raise Forbidden(message, {"fields": {"sender": [message]}})
        if self._token and self._is_shared_token(request):
            return True
        until = self._remembered.get(_bearer(request), 0.0)
        return self._now() < until

    def admit(self, token: str) -> None:
        """Verify a signed token. Raises Unauthorized or Forbidden, and ServiceUnavailable without keys."""
        if not self._email or not token:
            raise unauthorized("send a token")
        if len(token) > MAX_TOKEN:
            raise unauthorized("not a valid token")
        claims = self._verified(token)
        if claims.get("email") != self._email or claims.get("email_verified") is not True:
            raise _forbidden("the token is another account's")
        self._remember(token, float(claims["exp"]))

    def token_of(self, request: web.Request) -> str:
        """Return the signed token of a request, "" without one."""
        return _bearer(request)

    def _is_shared_token(self, request: web.Request) -> bool:
        given = (request.headers.get(SHARED_HEADER), request.query.get(SHARED_PARAMETER), _bearer(request))
        # All three are compared, so that the time does not tell which one matched.
        same = [hmac.compare_digest((each or "").encode(errors="surrogateescape"), self._token) for each in given]
        return any(same)

    def _verified(self, token: str) -> dict[str, Any]:
        try:
            key_id = jwt.get_unverified_header(token).get("kid")
            key = self._certificates.key(key_id) if isinstance(key_id, str) else None
            if key is None:
                raise unauthorized("the token is signed with no key of Google's")
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                audience=self._audience,
                issuer=ISSUERS,
                leeway=CLOCK_SKEW_SECONDS,
                options={"require": ["exp", "iat", "aud", "iss"]},
            )
        except (jwt.InvalidAudienceError, jwt.InvalidIssuerError):
            raise _forbidden("the token was made for another audience, or by another issuer") from None
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise unauthorized("not a valid token") from None
        return claims

    def _remember(self, token: str, until: float) -> None:
        with self._lock:
            self._remembered[token] = until
            while len(self._remembered) > REMEMBERED:
                self._remembered.popitem(last=False)


def _bearer(request: web.Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _forbidden(message: str) -> Forbidden:
    return Forbidden(message, {"fields": {"Authorization": [message]}})
