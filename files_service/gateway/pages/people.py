"""Pages of people with accounts: signing in by name and password, and the links that make or mend an account.

The code of a link stands behind "#" in its address, so that it is in no log; opening the page uses nothing up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from aiohttp import web

from files_service.errors import FilesError
from files_service.gateway.auth.sign_ins import call_for_people, client_of, set_session
from files_service.gateway.pages.calls import fields_of
from files_service.gateway.pages.faults import Fault, fault_of_joining, fault_of_reset, fault_of_sign_in
from files_service.gateway.pages.rendering import redirect, render
from files_service.gateway.state import gateway_of
from files_service.services.accounts.registration import accounts_are_on

_WAY = re.compile(
    r"/(photos|cards|cards/[A-Za-z0-9]{1,40}|shared|trash|activity|settings|admin|download/[A-Za-z0-9]{1,40})"
)
_JOIN, _RESET = "Make your account", "Set your password"


async def accounts_on(request: web.Request) -> bool:
    """Return True where people sign in by name and password."""
    gateway = gateway_of(request)
    return await gateway.calls.run(accounts_are_on, gateway.core)


async def form_of(request: web.Request) -> dict[str, str]:
    """Return the first value of each field of a form. Raises HTTPError for a form of another site."""
    return {name: values[0] for name, values in (await fields_of(request)).items()}


def sign_in_form(
    request: web.Request,
    *,
    name: str = "",
    fault: Fault | None = None,
    status: int = 200,
    accounts: bool = True,
    to: str = "",
) -> web.Response:
    """Show the form for name and password, with the code of a second factor where one is needed, and that for links."""
    return render(
        request,
        "sign_in.html",
        status=status,
        account=name,
        fault=fault,
        totp=fault is not None and fault.field == "code",
        accounts=accounts,
        to=way_back(to),
    )


def way_back(wanted: str) -> str:
    """Return the page to which somebody wanted to go before signing in: one of ours, or the start."""
    return wanted if _WAY.fullmatch(wanted) else "/"


async def sign_in_by_form(request: web.Request, form: Mapping[str, str]) -> web.StreamResponse:
    """Sign in by the fields of the form."""
    name, to = form.get("name", ""), form.get("to", "")
    code = {"code": form["code"]} if form.get("code") else {}
    try:
        result = await call_for_people(
            request, "accounts.login", name=name, password=form.get("password", ""), **code, **client_of(request)
        )
    except FilesError as error:
        page = sign_in_form(request, name=name, fault=fault_of_sign_in(error), status=error.http_status, to=to)
        return _with_pause(page, error)
    response = redirect(request, way_back(to))
    set_session(request, response, result)
    return response


async def join(request: web.Request) -> web.StreamResponse:
    """Show the form that makes an account."""
    return _code_form(request, _JOIN)


async def joined(request: web.Request) -> web.StreamResponse:
    """Make an account and sign in."""
    form = await form_of(request)
    invite = {"invite": form["code"]} if form.get("code") else {}
    try:
        result = await call_for_people(
            request,
            "accounts.register",
            name=form.get("name", ""),
            password=form.get("password", ""),
            **invite,
            **client_of(request),
        )
    except FilesError as error:
        fault = fault_of_joining(error, has_code=bool(invite))
        return _with_pause(_code_form(request, _JOIN, form, fault, error.http_status), error)
    response = redirect(request, "/")
    set_session(request, response, result)
    return response


async def reset(request: web.Request) -> web.StreamResponse:
    """Show the form that sets a password."""
    return _code_form(request, _RESET)


async def was_reset(request: web.Request) -> web.StreamResponse:
    """Set a password by the code of a link; the person then signs in with it."""
    form = await form_of(request)
    try:
        await call_for_people(
            request, "accounts.set_password", reset=form.get("code", ""), password=form.get("password", "")
        )
    except FilesError as error:
        page = _code_form(request, _RESET, form, fault_of_reset(error), error.http_status)
        return _with_pause(page, error)
    return redirect(request, "/sign-in")


def _code_form(
    request: web.Request,
    title: str,
    form: Mapping[str, str] | None = None,
    fault: Fault | None = None,
    status: int = 200,
) -> web.Response:
    form = form or {}
    return render(
        request,
        "code.html",
        status=status,
        title=title,
        fault=fault,
        action="/join" if title == _JOIN else "/reset",
        named=title == _JOIN,
        code=form.get("code", ""),
        account=form.get("name", ""),
    )


def _with_pause(page: web.Response, error: FilesError) -> web.Response:
    if error.http_status in (429, 503):
        page.headers["Retry-After"] = str(error.details.get("retry_after_seconds", 1))
    return page
