"""Signers of V4 URLs: an HMAC key, the private key of a service account, or Google's IAM API."""

from __future__ import annotations

import base64
import hmac
from abc import ABC, abstractmethod
from typing import Any

import requests
from google.api_core import exceptions as api_errors
from google.auth import exceptions as auth_errors
from google.cloud.storage.retry import DEFAULT_RETRY

from storage_adapters.blobs.gcs.api import describe, is_denied
from storage_adapters.errors import StorageDenied, StorageUnavailable

IAM_ENDPOINT = "https://iamcredentials.googleapis.com"


class Signer(ABC):
    """Signer of requests. ``access_id`` names the key; ``is_cheap`` is True when signing costs less than a cache."""

    algorithm: str
    is_cheap = False

    def __init__(self, access_id: str) -> None:
        self.access_id = access_id

    @abstractmethod
    def sign(self, day: str, text: bytes) -> str:
        """Return the signature in hex, valid in the credential scope of that day."""


class HmacSigner(Signer):
    """An HMAC key: takes some microseconds, as the key of a day is derived once."""

    algorithm = "GOOG4-HMAC-SHA256"
    is_cheap = True

    def __init__(self, access_id: str, secret: str) -> None:
        super().__init__(access_id)
        self._secret = b"GOOG4" + secret.encode()
        self._day_key = ("", b"")

    def sign(self, day: str, text: bytes) -> str:
        """See ``Signer``."""
        known, key = self._day_key
        if known != day:
            key = self._secret
            for step in (day, "auto", "storage", "goog4_request"):
                key = hmac.digest(key, step.encode(), "sha256")
            self._day_key = (day, key)
        return hmac.digest(key, text, "sha256").hex()


class AccountSigner(Signer):
    """The private key of a service account: takes some hundred microseconds of RSA."""

    algorithm = "GOOG4-RSA-SHA256"

    def __init__(self, credentials: Any) -> None:
        super().__init__(credentials.signer_email)
        self._credentials = credentials

    def sign(self, day: str, text: bytes) -> str:
        """See ``Signer``."""
        signature: bytes = self._credentials.sign_bytes(text)
        return signature.hex()


class IamSigner(Signer):
    """Signing by IAM in the name of a service account: takes one network call."""

    algorithm = "GOOG4-RSA-SHA256"

    def __init__(self, email: str, session: requests.Session, *, endpoint: str, timeout: float) -> None:
        super().__init__(email)
        self._session, self._timeout = session, timeout
        self._url = f"{endpoint or IAM_ENDPOINT}/v1/projects/-/serviceAccounts/{email}:signBlob"
        self._retry = DEFAULT_RETRY.with_timeout(timeout)

    def sign(self, day: str, text: bytes) -> str:
        """See ``Signer``."""
        try:
            signature: str = self._retry(self._ask)(text)
        except (
            api_errors.GoogleAPIError,
            auth_errors.GoogleAuthError,
            requests.RequestException,
            KeyError,
            TypeError,
            ValueError,
        ) as error:
            kind = StorageDenied if is_denied(error) else StorageUnavailable
            raise kind(f"IAM does not sign as {self.access_id}: {describe(error)}") from None
        return signature

    def _ask(self, text: bytes) -> str:
        payload = {"payload": base64.b64encode(text).decode()}
        answer = self._session.post(self._url, json=payload, timeout=self._timeout)
        if answer.status_code != 200:
            raise api_errors.from_http_status(answer.status_code, "")
        return base64.b64decode(answer.json()["signedBlob"]).hex()


class NoSigner(Signer):
    """Credentials that cannot sign, such as those of a user."""

    algorithm = ""

    def sign(self, day: str, text: bytes) -> str:
        """See ``Signer``."""
        raise StorageUnavailable(
            "no key to sign with: set FILES_GCS_HMAC_ACCESS_ID and FILES_GCS_HMAC_SECRET, or name a key file"
            " (?credentials=FILE) or a service account (?signer=EMAIL)"
        )
