"""Calls of people whose answer was lost: repeated with the id of the request, they make nothing a second time."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from operator import attrgetter
from pathlib import Path
from threading import Thread
from typing import Any

import pyotp
import pytest

from files_service.api import METHODS
from files_service.client import FilesClient
from files_service.core import Core
from storage_adapters import JSON
from tests.cores import at, at_once, call, refusal
from tests.gateway.serving import RPC_TOKEN, Served
from tests.people.persons import PASSWORD, open_people, post

LATER_MS = 60_000


@pytest.fixture
def core(tmp_path: Path) -> Core:
    """A core at which people may register."""
    return open_people(tmp_path)


def signed_up(core: Core, name: str = "ann") -> JSON:
    return {"token": call(core, "accounts.register", name=name, password=PASSWORD)["token"]}


# What a method is called with, by its name.
MAKERS: dict[str, Callable[[Core], JSON]] = {
    "accounts.create": lambda core: {"name": "bob", "role": "admin"},
    "accounts.create_invite": lambda core: {"uses": 3},
    "accounts.create_tenant": lambda core: {"name": "acme"},
    "accounts.create_key": lambda core: {**signed_up(core), "label": "backup", "scopes": ["files:read"]},
    "accounts.begin_totp": signed_up,
    "accounts.reset": lambda core: {"owner": call(core, "accounts.create", name="bob")["owner"]},
}


@pytest.mark.parametrize("method", MAKERS)
def test_a_repeated_call_is_answered_with_what_the_first_one_made(core: Core, method: str) -> None:
    given = MAKERS[method](core)
    first = call(core, method, **given, request_id="r1")
    assert call(at(core, core.clock() + LATER_MS), method, **given, request_id="r1") == first
    given = {**given, **({"name": "new"} if "name" in given else {}), "request_id": "r2"}
    answers = at_once(4, lambda _: call(at(core, core.clock()), method, **given))
    assert all(each == answers[0] for each in answers)


@pytest.mark.parametrize(
    ("method", "other"),
    [
        ("accounts.create", {"role": "user"}),
        ("accounts.create_invite", {"uses": 4}),
        ("accounts.create_key", {"scopes": ["files:write"]}),
    ],
)
def test_the_id_of_another_request_makes_nothing(core: Core, method: str, other: JSON) -> None:
    given = MAKERS[method](core)
    call(core, method, **given, request_id="r1")
    assert refusal(core, method, **{**given, **other}, request_id="r1").code == "conflict"


@pytest.mark.parametrize("method", ["accounts.create", "accounts.create_tenant"])
def test_a_name_that_another_request_took_stays_taken(core: Core, method: str) -> None:
    given = MAKERS[method](core)
    call(core, method, **given, request_id="r1")
    for request_id in ("r2", None):
        assert refusal(core, method, **given, request_id=request_id).code == "conflict"


def test_another_caller_with_the_same_id_gets_another_secret(core: Core) -> None:
    call(core, "accounts.create", name="root", role="operator")
    mine = call(core, "accounts.create_invite", request_id="r1")["code"]
    assert call(core, "accounts.create_invite", request_id="r1", actor="root")["code"] != mine
    assert len(call(core, "accounts.list_invites")["invites"]) == 2


def test_the_code_of_a_new_account_works_once_however_often_it_is_asked_for(core: Core) -> None:
    code = call(core, "accounts.create", name="bob", request_id="r1")["reset"]["code"]
    call(core, "accounts.set_password", reset=code, password=PASSWORD)
    assert call(core, "accounts.create", name="bob", request_id="r1")["reset"]["code"] == code
    assert refusal(core, "accounts.set_password", reset=code, password=PASSWORD).code == "unauthorized"
    # Nor does a reset bring a used code back.
    code = call(core, "accounts.reset", owner="bob", request_id="r2")["code"]
    call(core, "accounts.set_password", reset=code, password=PASSWORD)
    assert call(core, "accounts.reset", owner="bob", request_id="r2")["code"] != code
    assert refusal(core, "accounts.set_password", reset=code, password=PASSWORD).code == "unauthorized"


def test_a_hundredth_key_whose_answer_was_lost_is_found(core: Core) -> None:
    given = MAKERS["accounts.create_key"](core)
    keys = [call(core, "accounts.create_key", **given, request_id=f"r{number}") for number in range(100)]
    assert call(core, "accounts.create_key", **given, request_id="r99") == keys[99]
    assert refusal(core, "accounts.create_key", **given, request_id="r100").code == "bad_request"


def test_recovery_codes_whose_answer_was_lost_are_shown_again(core: Core) -> None:
    session, now = signed_up(core), core.clock()
    app = pyotp.TOTP(call(core, "accounts.begin_totp", **session)["secret"])
    given = {**session, "code": app.at(now // 1000)}
    core = at(core, now)
    codes = call(core, "accounts.confirm_totp", **given, request_id="r1")
    assert call(core, "accounts.confirm_totp", **given, request_id="r1") == codes
    for request_id in ("r2", None):
        assert refusal(core, "accounts.confirm_totp", **given, request_id=request_id).code == "bad_request"
    signed = call(core, "accounts.login", name="ann", password=PASSWORD, code=codes["recovery_codes"][0])
    assert signed["account"]["totp"]


def test_a_registration_is_repeated_with_its_password_alone(core: Core) -> None:
    invite = call(core, "accounts.create_invite")["code"]
    given = {"name": "ann", "password": PASSWORD, "invite": invite, "request_id": "r1"}
    first = call(core, "accounts.register", **given)
    assert call(core, "accounts.register", **given)["account"] == first["account"]
    assert refusal(core, "accounts.register", **{**given, "password": "another phrase of mine"}).code == "unauthorized"
    assert refusal(core, "accounts.register", **{**given, "request_id": "r2"}).code == "conflict"


@pytest.mark.parametrize("way", ["current", "reset"])
def test_a_new_password_whose_answer_was_lost_is_confirmed(core: Core, way: str) -> None:
    new = "a new phrase of mine"
    given: JSON = {**signed_up(core), "current": PASSWORD}
    if way == "reset":
        given = {"reset": call(core, "accounts.reset", owner="ann")["code"]}
    for _ in range(2):
        call(core, "accounts.set_password", **given, password=new, request_id="r1")
    for other in ({"request_id": "r2"}, {"password": "an older phrase of mine"}):
        said = {**given, "password": new, "request_id": "r1", **other}
        assert refusal(core, "accounts.set_password", **said).code in ("forbidden", "unauthorized")
    # A later password is no answer to the earlier request.
    call(core, "accounts.set_password", reset=call(core, "accounts.reset", owner="ann")["code"], password=PASSWORD)
    assert refusal(core, "accounts.set_password", **given, password=new, request_id="r1").http_status in (401, 403)


def test_doors_and_client_pass_the_id_on(served: Served) -> None:
    given = {"name": "ann", "password": PASSWORD, "request_id": "r1"}
    accounts = [post(served, "/api/auth/register", **given).json["account"]["account_id"] for _ in range(2)]
    assert accounts[0] == accounts[1]
    with FilesClient(f"http://127.0.0.1:{served.port}", token=RPC_TOKEN) as client:
        invites = [client.accounts.create_invite(request_id="r1")["invite_id"] for _ in range(2)]
    assert invites[0] == invites[1]


class _Recorder(BaseHTTPRequestHandler):
    """A service that keeps what it is sent."""

    def do_POST(self) -> None:
        """Keep the parameters and answer with nothing."""
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.said[self.path.removeprefix("/rpc/")] = said  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", "13")
        self.end_headers()
        self.wfile.write(b'{"result":{}}')

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def test_the_client_names_each_request_that_is_known_by_its_name_alone() -> None:
    server: Any = HTTPServer(("127.0.0.1", 0), _Recorder)
    server.said = {}
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    known = {name for name, method in METHODS.items() if "request_id" in method.schema.fields}
    # A clone is known by the same file, owner and changes; those of cards must be named by their caller.
    known -= {"files.clone"} | {name for name in known if METHODS[name].schema.fields["request_id"].required}
    try:
        with FilesClient(f"http://127.0.0.1:{server.server_port}") as client:
            for name in known:
                attrgetter(name.removeprefix("files."))(client)()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert {name for name, said in server.said.items() if said.get("request_id")} == known
