"""``files token``: tokens and sign-in links."""

from __future__ import annotations

from files_service.gateway.auth.bearer import owner_of_token
from tests.cores import SECRETS
from tests.gateway.serving import Served
from tests.unit.cli.running import at, run


def test_a_token_is_its_owners(environ: dict[str, str]) -> None:
    result = run(environ, "token", "ann", "--ttl-seconds", "60")
    assert owner_of_token(result.stdout.strip(), SECRETS["FILES_JWT_SECRET"]) == "ann"


def test_a_link_signs_its_owner_in_to_the_pages(served: Served, environ: dict[str, str]) -> None:
    link = run(at(served, environ), "token", "ann", "--link").stdout.strip()
    address, _, code = link.partition("#")
    assert address == f"http://127.0.0.1:{served.port}/sign-in"
    form = {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://127.0.0.1:{served.port}"}
    reply = served.request("POST", address, f"link={code}".encode(), form)
    assert reply.status == 303
    cookie = reply.headers["Set-Cookie"].partition(";")[0]
    assert owner_of_token(cookie.removeprefix("files_session="), SECRETS["FILES_JWT_SECRET"]) == "ann"
