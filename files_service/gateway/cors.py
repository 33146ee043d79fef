"""Cross-origin access (CORS) of a door."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from aiohttp import web

from files_service.gateway.replies import bad_field


@dataclass(frozen=True, slots=True, kw_only=True)
class Cors:
    """The CORS table of a door: the headers that pages of other origins may send and read.

    Any origin is allowed: a token or a signed URL, never a cookie, authorises a request from another origin.
    """

    request_headers: tuple[str, ...]
    exposed_headers: tuple[str, ...]
    embeddable: bool = False
    max_age_seconds: int = 86_400
    longest_request: int | None = None

    def headers(self) -> dict[str, str]:
        """Return the headers of every reply of the door."""
        headers = {
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Expose-Headers": ", ".join(self.exposed_headers),
        }
        return headers | ({"Cross-Origin-Resource-Policy": "cross-origin"} if self.embeddable else {})

    def preflight(self, request: web.Request, methods: Iterable[str]) -> web.Response:
        """Answer a preflight request: the methods and request headers that pages may use. Raises HTTPError."""
        asked = request.headers.get("Access-Control-Request-Headers", "")
        if self.longest_request is not None and len(asked) > self.longest_request:
            raise bad_field("Access-Control-Request-Headers", "Too long.")
        headers = {
            "Access-Control-Allow-Methods": ", ".join(sorted(methods)),
            "Access-Control-Allow-Headers": ", ".join(self.request_headers),
            "Access-Control-Max-Age": str(self.max_age_seconds),
            "Allow": ", ".join(sorted({*methods, "OPTIONS"})),
        }
        return web.Response(status=204, headers=headers)


# Reading bytes from a page of another origin: conditional requests and ranges.
READ_HEADERS = ("If-Match", "If-Modified-Since", "If-None-Match", "If-Range", "If-Unmodified-Since", "Range")
READ_EXPOSED = (
    "Accept-Ranges",
    "Content-Disposition",
    "Content-Length",
    "Content-Range",
    "ETag",
    "Last-Modified",
    "Retry-After",
    "X-Request-Id",
)
