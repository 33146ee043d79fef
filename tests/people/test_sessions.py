"""Sessions: their list, their end at every door and in every process, and what ends them."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from files_service.gateway.auth.cookies import COOKIE
from files_service.gateway.limits import Limits
from files_service.gateway.state import Gateway
from files_service.gateway.watching import LOOK_SECONDS
from files_service.services.accounts.account import require_account
from files_service.services.accounts.sessions import IDLE_MS, LONGEST_MS, MOST_SESSIONS, SEEN_MS, Client, begin_session
from files_service.services.accounts.sign_in import sign_out as end_session
from files_service.services.opening import open_core
from tests.cores import at, attempt, call, refusal, settings_for
from tests.gateway.owners import bearer
from tests.gateway.serving import WAIT_SECONDS, Served, head_of, serving, wait_until
from tests.gateway.slices import Talk, talk
from tests.people.persons import PASSWORD, Person, appoint, cheap, login, post, register

NEW = "another long pass phrase"


@contextmanager
def two_gateways(data_dir: Path) -> Iterator[tuple[Served, Served]]:
    """Two processes' worth of gateways over one SQLite file: they share no cache."""
    settings = settings_for(data_dir, FILES_REGISTRATION="open")
    limits = Limits(linger_seconds=0.2)
    with ExitStack() as stack:
        yield (
            stack.enter_context(serving(cheap(open_core(settings)), limits)),
            stack.enter_context(serving(cheap(open_core(settings)), limits)),
        )


def test_a_person_sees_and_ends_the_own_sessions_and_no_others(served: Served) -> None:
    ann, bob = register(served), register(served, "bob")
    other = Person(served, login(served).json["token"])
    sessions = ann.get("/api/auth/sessions").json["sessions"]
    assert [each["current"] for each in sessions] == [True, False]
    assert all(each["address"] == "127.0.0.1" for each in sessions)
    path = f"/api/auth/sessions/{sessions[1]['session_id']}"
    assert bob.delete(path).status == 404
    assert other.is_signed_in
    assert ann.delete(path).status == 200
    assert (ann.is_signed_in, other.is_signed_in) == (True, False)
    assert ann.delete("/api/auth/sessions").status == 200
    assert not ann.is_signed_in
    assert bob.is_signed_in


def test_sign_out_kills_the_token_at_every_door_of_every_gateway(tmp_path: Path) -> None:
    with two_gateways(tmp_path) as (first, second):
        ann = register(first)
        there = Person(second, ann.token)
        assert there.is_signed_in
        ann.request("POST", "/api/auth/logout")
        wait_until(lambda: not there.is_signed_in)
        assert there.call("files.count", owner="ann").status == 401
        assert there.get("/api/files").status == 401
        assert there.request("POST", "/tus/", None, {"Tus-Resumable": "1.0.0", "Upload-Length": "1"}).status == 401


@pytest.mark.parametrize("pretence", [{}, {"Upgrade": "websocket", "Connection": "Upgrade"}], ids=["plain", "upgrade"])
def test_an_event_stream_and_an_upload_end_with_the_session(tmp_path: Path, pretence: dict[str, str]) -> None:
    with two_gateways(tmp_path) as (first, second):
        ann = register(first)
        with second.connect() as stream, second.connect() as upload:
            stream.sendall(head_of("GET", "/api/events", ann.headers))
            assert stream.recv(4096).startswith(b"HTTP/1.1 200")
            upload.sendall(
                head_of("POST", "/api/files/upload?name=x", {**ann.headers, "Content-Length": "5000000", **pretence})
                + b"begun"
            )
            ann.request("POST", "/api/auth/logout")
            drained(stream)
            assert drained(upload).startswith(b"HTTP/1.1 401")


def test_what_runs_by_a_jwt_ends_when_the_account_of_its_owner_is_disabled(tmp_path: Path) -> None:
    with two_gateways(tmp_path) as (first, second):
        root, jwt = appoint(first, "root", "operator"), bearer("ann")
        register(first)
        with second.connect() as stream, second.connect() as upload:
            stream.sendall(head_of("GET", "/api/events", jwt))
            assert stream.recv(4096).startswith(b"HTTP/1.1 200")
            head = head_of("POST", "/api/files/upload?name=x", {**jwt, "Content-Length": "5000000"})
            upload.sendall(head + b"begun")

            async def disabled(conversation: Talk) -> Any:
                await conversation.ask(op="start", name="x", size=1)
                await asyncio.to_thread(root.call, "accounts.update", owner="ann", disabled=True)
                return await conversation.hear()

            assert talk(second.port, disabled)["code"] == "unauthorized"
            drained(stream)
            assert drained(upload).startswith(b"HTTP/1.1 401")
        pending = first.result("files.upload", owner="ann", name="late", parts=[{"size": 1}])
        sending = pending["parts"][0]["upload"]
        address = f"/blobs/{sending['url'].partition('/blobs/')[2]}"
        assert first.request("PUT", address, b"x", sending["headers"]).status == 403
        root.call("accounts.update", owner="ann", disabled=False)
        wait_until(lambda: second.request("GET", "/api/files", headers=jwt).status == 200)
        assert first.request("PUT", address, b"x", sending["headers"]).status == 201


def drained(connection: socket.socket) -> bytes:
    """What comes until the server closes; a reset is an end, too."""
    connection.settimeout(WAIT_SECONDS)
    received, deadline = b"", time.monotonic() + WAIT_SECONDS
    with suppress(ConnectionResetError):
        while piece := connection.recv(65_536):
            received += piece
            # An event stream that stays open sends a line now and then.
            assert time.monotonic() < deadline, "the connection stays open"
    return received


def test_a_new_password_ends_the_other_sessions_and_the_old_password(served: Served) -> None:
    ann = register(served)
    other = Person(served, login(served).json["token"])
    assert ann.post("/api/auth/password", current="wrong password", password=NEW).status == 403
    assert other.is_signed_in
    assert ann.post("/api/auth/password", current=PASSWORD, password=NEW).status == 200
    assert (ann.is_signed_in, other.is_signed_in) == (True, False)
    assert [login(served).status, login(served, password=NEW).status] == [401, 200]


@pytest.mark.parametrize("path", ["/api/auth/logout", "/sign-out"])
def test_a_request_that_ends_its_own_session_is_answered(
    served: Served, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    ann = register(served)

    def slow(act: Callable[..., Any]) -> Callable[..., Any]:
        def acting(*given: Any) -> Any:
            done = act(*given)
            # The watch of a request looks several times meanwhile.
            time.sleep(4 * LOOK_SECONDS)
            return done

        return acting

    monkeypatch.setattr(Gateway, "invoke", slow(Gateway.invoke))
    monkeypatch.setattr("files_service.gateway.pages.session.end_session", slow(end_session))
    headers = {"Cookie": f"{COOKIE}={ann.token}", "Origin": f"http://127.0.0.1:{served.port}"}
    assert served.request("POST", path, headers=headers).status in (200, 303)
    assert not ann.is_signed_in


def test_a_reset_by_link_ends_all_sessions_and_counts_once(served: Served) -> None:
    ann = register(served)
    first = call(served.core, "accounts.reset", owner="ann")["code"]
    code = call(served.core, "accounts.reset", owner="ann")["code"]
    assert [post_reset(served, each) for each in (first, code, code)] == [401, 200, 401]
    assert not ann.is_signed_in
    assert login(served, password=NEW).status == 200


def test_a_session_that_begins_beside_a_new_password_with_the_old_one_does_not_count(served: Served) -> None:
    core = served.core
    register(served)
    before = require_account(core, "ann")
    code = call(core, "accounts.reset", owner="ann")["code"]
    call(core, "accounts.set_password", reset=code, password=NEW)
    token, _ = begin_session(core, before, Client())
    assert refusal(core, "accounts.identify", token=token).code == "unauthorized"


def post_reset(served: Served, code: str) -> int:
    return post(served, "/api/auth/password", reset=code, password=NEW).status


def test_a_disabled_account_has_no_session_and_none_comes_back(served: Served) -> None:
    root, ann = appoint(served, "root", "operator"), register(served)
    assert root.call("accounts.update", owner="ann", disabled=True).status == 200
    assert not ann.is_signed_in
    assert login(served).status == 401
    assert root.call("accounts.update", owner="ann", disabled=False).status == 200
    assert not ann.is_signed_in
    assert login(served).status == 200


@pytest.mark.parametrize("step", [IDLE_MS // 2, IDLE_MS])
def test_a_session_ends_without_use_and_at_the_latest_after_its_longest_time(served: Served, step: int) -> None:
    core = served.core
    token = call(core, "accounts.register", name="ann", password=PASSWORD)["token"]
    start, now = core.clock(), core.clock()
    while now - start < LONGEST_MS + IDLE_MS:
        now += step
        core.identities.clear()
        if not isinstance(attempt(at(core, now), "accounts.identify", token=token), dict):
            break
    assert now - start == (IDLE_MS if step == IDLE_MS else LONGEST_MS)


def test_an_account_has_a_bounded_number_of_sessions_and_the_unused_ones_end(served: Served) -> None:
    core = served.core
    used, bobs = (call(core, "accounts.register", name=name, password=PASSWORD)["token"] for name in ("ann", "bob"))
    unused, start = call(core, "accounts.login", name="ann", password=PASSWORD)["token"], core.clock()
    assert Person(served, unused).is_signed_in
    later = at(core, start + SEEN_MS + 1)
    core.identities.clear()
    call(later, "accounts.identify", token=used)
    for _ in range(MOST_SESSIONS - 1):
        newest = call(later, "accounts.login", name="ann", password=PASSWORD)["token"]
    assert len(call(later, "accounts.list_sessions", token=newest)["sessions"]) == MOST_SESSIONS
    assert refusal(later, "accounts.identify", token=unused).code == "unauthorized"
    for token in (used, newest, bobs):
        call(later, "accounts.identify", token=token)


def test_the_last_use_is_written_now_and_then(served: Served) -> None:
    core = served.core
    token = call(core, "accounts.register", name="ann", password=PASSWORD)["token"]
    start = core.clock()

    def seen_at(now: int) -> int:
        core.identities.clear()
        answer = call(at(core, now), "accounts.list_sessions", token=token)
        seen: int = answer["sessions"][0]["seen_at"]
        return seen

    assert seen_at(start + SEEN_MS // 2) < start + 1000
    assert seen_at(start + 2 * SEEN_MS) == start + 2 * SEEN_MS


def test_what_needs_a_fresh_sign_in_refuses_an_older_one(served: Served) -> None:
    core = served.core
    token = call(core, "accounts.register", name="ann", password=PASSWORD)["token"]
    later = at(core, core.clock() + 16 * 60_000)
    for method, more in (
        ("accounts.create_key", {"label": "x", "scopes": ["files:read"]}),
        ("accounts.begin_totp", {}),
    ):
        error = refusal(later, method, token=token, **more)
        assert (error.code, error.details) == ("forbidden", {"sign_in": "fresh"})
    call(core, "accounts.create_key", token=token, label="x", scopes=["files:read"])
