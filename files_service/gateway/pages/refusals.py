"""Errors as pages, for people at an address that does not work; programs get the envelope."""

from __future__ import annotations

from urllib.parse import urlencode

from aiohttp import web

from files_service.gateway.auth.sessions import session_of
from files_service.gateway.pages.rendering import base_of, render
from files_service.gateway.replies import HTTPError, error_reply
from files_service.gateway.state import at_operation_address
from files_service.runtime.logs import request_id

_PAGES = ("GET", "HEAD", "POST")
_ABSENT = (
    "There is nothing at this address",
    "The address may be wrong or incomplete, or what was here was moved or removed.",
)
_WORDS = {
    401: ("Sign in first", "This page is for people who are signed in."),
    403: ("You may not see this", "It is not shared with you, or not any more."),
    404: _ABSENT,
    405: _ABSENT,
    408: ("This took too long", "What you sent did not arrive in time. Check your connection and try again."),
    410: ("This is gone", "It was here, and was removed, or its time is over."),
    413: ("This is too large", "The service does not take as much at once."),
}
_BUSY = ("The service is busy", "Too much is asked of it at the moment. Wait a little and try again.")
_FAULT = ("Something went wrong", "The fault is on our side, and it is noted. Try again in a moment.")
_OTHER = ("This did not work", "The service does not understand what it was asked.")


def page_or_json(request: web.Request, error: HTTPError) -> web.StreamResponse:
    """Reply with an error in the form that was asked for: a page, or the envelope."""
    if not wants_page(request):
        return error_reply(request, error)
    title, message = _words_of(error.status)
    number = request_id.get() if error.status >= 500 and error.status != 503 else ""
    response = refusal_page(request, title, message, error.status, number=number)
    response.headers.update(error.headers)
    return response


def wants_page(request: web.Request) -> bool:
    """Return True for a browser that shows the reply to a person: it names HTML, as no program does."""
    if request.method not in _PAGES or "Authorization" in request.headers:
        return False
    return "text/html" in request.headers.get("Accept", "").lower()


def refusal_page(
    request: web.Request,
    title: str,
    message: str,
    status: int,
    *,
    number: str = "",
    may_be_own: bool = False,
) -> web.Response:
    """Reply with a page that says what happened and offers one way on: to sign in, if that may help a stranger."""
    session = session_of(request) if not at_operation_address(request) else None
    return render(
        request,
        "refused.html",
        status=status,
        viewer=session.owner if session is not None else None,
        title=title,
        message=message,
        action=_way_on(request, status, is_signed_in=session is not None, may_be_own=may_be_own),
        number=number,
    )


def _words_of(status: int) -> tuple[str, str]:
    if status in (429, 503):
        return _BUSY
    return _WORDS.get(status) or (_FAULT if status >= 500 else _OTHER)


def _way_on(request: web.Request, status: int, *, is_signed_in: bool, may_be_own: bool) -> tuple[str, str]:
    """Return the address and the label of the one button."""
    base = base_of(request)
    if status in (408, 429) or status >= 500:
        # A form that was sent cannot be sent again by a link.
        return ("" if request.method == "GET" else f"{base}/", "Try again")
    if at_operation_address(request):
        return f"{base}/docs", "Go to the description"
    if is_signed_in:
        return f"{base}/", "Go to your files"
    if may_be_own or status == 401:
        wanted = request.path.removeprefix(base)
        return f"{base}/sign-in?{urlencode({'to': wanted})}", "Sign in"
    return f"{base}/", "Go to the start page"
