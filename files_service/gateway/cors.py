"""Cross-origin access (CORS) of a door."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from files_service.gateway.replies import bad_field

# Reading bytes from a page of another origin, with conditions and ranges.
READ_HEADERS = "If-Match, If-Modified-Since, If-None-Match, If-Range, If-Unmodified-Since, Range"
READ_EXPOSED = (
    "Accept-Ranges, Content-Disposition, Content-Length, Content-Range, ETag, Last-Modified, Retry-After, X-Request-Id"
)


@dataclass(frozen=True, slots=True)
class Cors:
    """The CORS table of a door: the request headers that pages of other origins may send, and those they may read.

    Any origin is allowed: a token or a signed URL, never a cookie, authorises a request from another origin.
    """

    allow_headers: str
    expose_headers: str
    embeddable: bool = False
    longest_request: int | None = None

    def headers(self) -> dict[str, str]:
        """Return the headers of every reply of the door."""
        headers = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": self.expose_headers}
        return headers | ({"Cross-Origin-Resource-Policy": "cross-origin"} if self.embeddable else {})


CORS = web.AppKey("cors", Cors)
# The methods of all addresses of a door.
METHODS = web.AppKey("methods", set[str])


async def preflight(request: web.Request) -> web.StreamResponse:
    """Answer a preflight request by the CORS table of the door. Raises HTTPError."""
    cors, methods = request.config_dict[CORS], request.config_dict[METHODS]
    asked = request.headers.get("Access-Control-Request-Headers", "")
    if cors.longest_request is not None and len(asked) > cors.longest_request:
        raise bad_field("Access-Control-Request-Headers", "Too long.")
    headers = {
        "Access-Control-Allow-Methods": ", ".join(sorted(methods - {"OPTIONS"})),
        "Access-Control-Allow-Headers": cors.allow_headers,
        "Access-Control-Max-Age": "86400",
        "Allow": ", ".join(sorted(methods)),
    }
    return web.Response(status=204, headers=headers)
