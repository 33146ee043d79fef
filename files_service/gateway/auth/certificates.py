"""Public keys that verify Google's tokens: fetched at first use, cached as long as the answer allows.

1. An unknown key id fetches the keys again, at most every ``LEAST_SECONDS``: anybody can invent key ids.
2. Keys that cannot be renewed stay valid for ``GRACE_SECONDS``. Without keys no token can be verified; that is a
   failure of the service, not of the sender.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jwt import PyJWK, PyJWTError

from files_service.errors import ServiceUnavailable

logger = logging.getLogger(__name__)

LEAST_SECONDS = 60.0
GRACE_SECONDS = 86_400.0
DEFAULT_LIFETIME_SECONDS = 3_600.0
LONGEST_LIFETIME_SECONDS = 86_400.0
TIMEOUT_SECONDS = 5.0
MAX_KEYS = 100
_MAX_AGE = re.compile(r"\bmax-age=(\d{1,9})\b")
_BEGIN = "-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class _Keys:
    by_id: Mapping[str, Any] = field(default_factory=dict)
    fresh_until: float = float("-inf")


class Certificates:
    """The keys at one URL, as JSON Web Keys or X.509 certificates by id. Safe for use by several threads."""

    def __init__(self, url: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._url, self._clock = url, clock
        self._keys = _Keys()
        self._tried_at = float("-inf")
        self._fetching = threading.Lock()

    def key(self, key_id: str) -> Any | None:
        """Return the key of this id, None when there is none. Raises ServiceUnavailable without any keys."""
        keys = self._keys
        if self._clock() < keys.fresh_until and key_id in keys.by_id:
            return keys.by_id[key_id]
        with self._fetching:
            # Another thread may have fetched the keys while this one waited for the lock.
            if self._is_due(key_id):
                self._fetch()
        keys = self._keys
        if self._clock() >= keys.fresh_until + GRACE_SECONDS:
            raise ServiceUnavailable("the keys that verify senders are not available")
        return keys.by_id.get(key_id)

    def _is_due(self, key_id: str) -> bool:
        now = self._clock()
        if now < self._keys.fresh_until and key_id in self._keys.by_id:
            return False
        # Without any keys every request fails: retry more often.
        return now - self._tried_at >= (LEAST_SECONDS if self._keys.by_id else 1.0)

    def _fetch(self) -> None:
        # Saves megabytes in a gateway that verifies no senders.
        import requests

        self._tried_at = self._clock()
        try:
            response = requests.get(self._url, timeout=TIMEOUT_SECONDS)
            response.raise_for_status()
            by_id = _read(response.json())
        except (requests.RequestException, ValueError, PyJWTError) as error:
            logger.warning("keys cannot be fetched", extra={"url": self._url, "error": str(error)})
            return
        now = self._clock()
        lifetime = _lifetime(response.headers)
        self._keys = _Keys(by_id, now + lifetime)
        logger.info("keys fetched", extra={"url": self._url, "keys": len(by_id), "lifetime_seconds": lifetime})


def _lifetime(headers: Mapping[str, str]) -> float:
    """Return the remaining lifetime of the answer: ``max-age`` less ``Age``."""
    found = _MAX_AGE.search(headers.get("Cache-Control", ""))
    if found is None:
        return DEFAULT_LIFETIME_SECONDS
    age = headers.get("Age", "0")
    seconds = int(found[1]) - (int(age) if age.isascii() and age.isdigit() else 0)
    return max(0.0, min(float(seconds), LONGEST_LIFETIME_SECONDS))


def _read(document: Any) -> dict[str, Any]:
    """Return the keys of either form. Raises ValueError or PyJWTError when there are none."""
    if not isinstance(document, dict):
        raise ValueError("not a set of keys")
    found: dict[str, Any] = {}
    if isinstance(document.get("keys"), list):
        for key in document["keys"][:MAX_KEYS]:
            if isinstance(key, dict) and key.get("kty") == "RSA" and isinstance(key.get("kid"), str):
                found[key["kid"]] = PyJWK(key, "RS256").key
    else:
        from cryptography.x509 import load_pem_x509_certificate

        for key_id, text in list(document.items())[:MAX_KEYS]:
            if isinstance(text, str) and text.startswith(_BEGIN):
                found[key_id] = load_pem_x509_certificate(text.encode()).public_key()
    if not found:
        raise ValueError("not a set of keys")
    return found
