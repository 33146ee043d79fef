"""Replies to conditional requests for bytes: the status and headers that conditions and ranges call for."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from files_service.errors import Conflict
from files_service.gateway.replies import HTTPError, bad_field
from files_service.gateway.transfer.conditions import Answer, Representation, evaluate


def begin_reply(
    request: web.Request, found: Representation, headers: Mapping[str, str], *, ranges: bool = True
) -> tuple[Answer, web.StreamResponse]:
    """Make the reply and say which bytes it has, none for a status without any. Without ``ranges`` it has all.

    Raises HTTPError with 412 and 416.
    """
    answer = evaluate(request.method, request.headers, found, ranges=ranges)
    if answer.status == 412:
        raise HTTPError(Conflict("the precondition does not hold", {"fields": {"If-Match": ["Another."]}}), 412)
    if answer.status == 416:
        raise bad_field("Range", f"There are {found.size} bytes.", 416, {"Content-Range": f"bytes */{found.size}"})
    response = web.StreamResponse(status=answer.status, headers=headers)
    if answer.status == 304:
        del response.headers["Content-Type"]
        return answer, response
    response.content_length = answer.length
    if answer.status == 206:
        last = answer.start + answer.length - 1
        response.headers["Content-Range"] = f"bytes {answer.start}-{last}/{found.size}"
    return answer, response
