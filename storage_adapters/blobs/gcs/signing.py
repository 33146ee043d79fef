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
from urllib.parse import quote

from storage_adapters.blobs.gcs.signers import Signer
from storage_adapters.records import SignedUrl

WEEK_SECONDS = 604_800
WINDOWS = (900, 300, 60)
REMEMBERED = 10_000
_CONTENT_TYPE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")
DISPOSITION = "response-content-disposition"


class UrlSigner:
    """Signer of requests for the objects of one bucket."""

    def __init__(self, signer: Signer, *, endpoint: str, bucket: str, clock: Callable[[], float] = time.time) -> None:
        self._signer, self._clock = signer, clock
        self._base, self._path = endpoint, f"/{bucket}/"
        self._host = endpoint.partition("://")[2]
        self._lock = threading.Lock()
        self._remembered: OrderedDict[tuple[object, ...], str] = OrderedDict()
        self._last_moment: tuple[int, str, str] = (0, "", "")

    def upload(self, name: str, *, content_type: str, size: int, expires_at: int) -> SignedUrl:
        """Sign a PUT of this size and type to an object that does not exist. Raises ValueError."""
        if _CONTENT_TYPE.fullmatch(content_type) is None or size < 0:
            raise ValueError("the content type or the size cannot be sent as a header")
        signed = {
            "content-type": content_type,
            "host": self._host,
            "x-goog-content-length-range": f"{size},{size}",
            "x-goog-if-generation-match": "0",
        }
        start = int(min(self._clock(), expires_at / 1000 - 1))
        seconds = _bounded(expires_at // 1000 - start)
        headers = {
            "Content-Type": content_type,
            "x-goog-content-length-range": signed["x-goog-content-length-range"],
            "x-goog-if-generation-match": "0",
        }
        url = self._signed("PUT", name, start, seconds, signed, "")
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
        extra = "" if disposition is None else f"&{DISPOSITION}={quote(disposition, safe='')}"
        key = (method, name, start, seconds, extra)
        url = None if self._signer.is_cheap else self._recall(key)
        if url is None:
            url = self._signed(method, name, start, seconds, {"host": self._host}, extra)
            if not self._signer.is_cheap:
                self._remember(key, url)
        return SignedUrl(method=method, url=url, headers={}, expires_at=expires_at, protocol=method.lower())

    def _signed(self, method: str, name: str, start: int, seconds: int, headers: Mapping[str, str], extra: str) -> str:
        stamp, scope = self._moment(start)
        signer = self._signer
        names = ";".join(headers)
        path = self._path + name
        query = (
            f"X-Goog-Algorithm={signer.algorithm}"
            f"&X-Goog-Credential={quote(f'{signer.access_id}/{scope}', safe='')}"
            f"&X-Goog-Date={stamp}&X-Goog-Expires={seconds}&X-Goog-SignedHeaders={quote(names, safe='')}{extra}"
        )
        lines = "\n".join([f"{header}:{value}" for header, value in headers.items()])
        canonical = f"{method}\n{path}\n{query}\n{lines}\n\n{names}\nUNSIGNED-PAYLOAD"
        hashed = hashlib.sha256(canonical.encode()).hexdigest()
        signature = signer.sign(stamp[:8], f"{signer.algorithm}\n{stamp}\n{scope}\n{hashed}".encode())
        return f"{self._base}{path}?{query}&X-Goog-Signature={signature}"

    def _moment(self, start: int) -> tuple[str, str]:
        """Return the date as it appears in URLs, and its credential scope."""
        known, stamp, scope = self._last_moment
        if known != start or not stamp:
            stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(start))
            scope = f"{stamp[:8]}/auto/storage/goog4_request"
            self._last_moment = (start, stamp, scope)
        return stamp, scope

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


def attachment(filename: str) -> str:
    """Return the Content-Disposition (RFC 6266) that makes a browser save the bytes under a name."""
    plain = "".join(each if " " <= each <= "~" and each not in '"\\%' else "_" for each in filename)
    encoded = quote(filename.encode(errors="replace"), safe="!#$&+-.^_`|~")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}"
