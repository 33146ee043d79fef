"""V4 signed URLs. No I/O except the signer's.

A download URL is the same for all callers within a time window, so that browsers and caches can reuse responses: its
date is rounded down to the window, and its life is longer by one window, at most an eighth of the requested time. An
upload URL expires exactly at the requested time.
"""

from __future__ import annotations

import hashlib
import math
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote

from storage_adapters.blobs.bucket_store import WEEK_SECONDS
from storage_adapters.blobs.gcs.signers import Signer
from storage_adapters.records import SignedUrl

WINDOWS = (900, 300, 60)
REMEMBERED = 10_000
_CONTENT_TYPE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")
DISPOSITION = "response-content-disposition"
_PORT = re.compile(r":[0-9]+$")


class Moment(NamedTuple):
    """A date as it appears in URLs, and its credential scope."""

    stamp: str
    scope: str


def moment_of(start: float) -> Moment:
    """Return the moment of a time in seconds."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(start))
    return Moment(stamp, f"{stamp[:8]}/auto/storage/goog4_request")


@lru_cache(maxsize=1024)
def _encode(text: str) -> str:
    return quote(text, safe="")


@lru_cache(maxsize=16)
def _host_of(endpoint: str) -> str:
    # Google's servers leave the port out, too.
    return _PORT.sub("", endpoint.partition("://")[2])


def sign_url(
    signer: Signer,
    method: str,
    endpoint: str,
    path: str,
    *,
    moment: Moment,
    seconds: int,
    headers: Mapping[str, str],
    query: Mapping[str, str],
) -> str:
    """Return the URL of a request to a path that is not encoded; its sender sends the headers as they are."""
    signed = {"host": _host_of(endpoint)}
    signed |= {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    names = ";".join(sorted(signed))
    values = {
        "X-Goog-Algorithm": signer.algorithm,
        "X-Goog-Credential": f"{signer.access_id}/{moment.scope}",
        "X-Goog-Date": moment.stamp,
        "X-Goog-Expires": str(seconds),
        "X-Goog-SignedHeaders": names,
        **query,
    }
    encoded = "&".join(sorted([f"{_encode(name)}={_encode(value)}" for name, value in values.items()]))
    path = quote(path, safe="/")
    lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
    payload = signed.get("x-goog-content-sha256", "UNSIGNED-PAYLOAD")
    canonical = f"{method}\n{path}\n{encoded}\n{lines}\n{names}\n{payload}"
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"{signer.algorithm}\n{moment.stamp}\n{moment.scope}\n{hashed}"
    return f"{endpoint}{path}?{encoded}&X-Goog-Signature={signer.sign(moment.stamp[:8], text.encode())}"


class UrlSigner:
    """Signer of requests for the objects of one bucket."""

    def __init__(
        self,
        signer: Signer,
        *,
        endpoint: str,
        bucket: str,
        user_project: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._signer, self._clock = signer, clock
        self._endpoint, self._path = endpoint, f"/{bucket}/"
        self._query = {"userProject": user_project} if user_project else {}
        self._lock = threading.Lock()
        self._remembered: OrderedDict[tuple[object, ...], str] = OrderedDict()
        self._last_moment: tuple[int, Moment | None] = (0, None)

    def upload(self, name: str, *, content_type: str, size: int, expires_at: int) -> SignedUrl:
        """Sign a PUT of this size and type to an object that does not exist. Raises ValueError."""
        if _CONTENT_TYPE.fullmatch(content_type) is None or size < 0:
            raise ValueError("the content type or the size cannot be sent as a header")
        start = int(min(self._clock(), expires_at / 1000 - 1))
        seconds = _bounded(expires_at // 1000 - start)
        headers = {
            "Content-Type": content_type,
            "x-goog-content-length-range": f"{size},{size}",
            "x-goog-if-generation-match": "0",
        }
        url = self._signed("PUT", name, start, seconds, headers, {})
        return SignedUrl(method="PUT", url=url, headers=headers, expires_at=expires_at)

    def download(self, method: str, name: str, *, expires_at: int, disposition: str | None = None) -> SignedUrl:
        """Sign a GET or a HEAD."""
        now = min(self._clock(), expires_at / 1000 - 1)
        asked = expires_at / 1000 - now
        window = next((each for each in WINDOWS if each * 8 <= asked), 1)
        if asked + window > WEEK_SECONDS:
            # At the maximum lifetime there is no room to round: the date would lie in the future.
            window = 1
        start = int(now // window) * window
        seconds = _bounded(math.ceil(asked) + window)
        query = {} if disposition is None else {DISPOSITION: disposition}
        key = (method, name, start, seconds, disposition)
        url = None if self._signer.is_cheap else self._recall(key)
        if url is None:
            url = self._signed(method, name, start, seconds, {}, query)
            if not self._signer.is_cheap:
                self._remember(key, url)
        return SignedUrl(method=method, url=url, headers={}, expires_at=expires_at, protocol=method.lower())

    def _signed(
        self, method: str, name: str, start: int, seconds: int, headers: Mapping[str, str], query: Mapping[str, str]
    ) -> str:
        return sign_url(
            self._signer,
            method,
            self._endpoint,
            self._path + name,
            moment=self._moment(start),
            seconds=seconds,
            headers=headers,
            query={**query, **self._query},
        )

    def _moment(self, start: int) -> Moment:
        known, moment = self._last_moment
        if known != start or moment is None:
            moment = moment_of(start)
            self._last_moment = (start, moment)
        return moment

    def _recall(self, key: tuple[object, ...]) -> str | None:
        with self._lock:
            url = self._remembered.get(key)
            if url is not None:
                self._remembered.move_to_end(key)
            return url

    def _remember(self, key: tuple[object, ...], url: str) -> None:
        with self._lock:
            self._remembered[key] = url
            if len(self._remembered) > REMEMBERED:
                self._remembered.popitem(last=False)


def _bounded(seconds: int) -> int:
    return max(1, min(WEEK_SECONDS, seconds))
