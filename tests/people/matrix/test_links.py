"""Links of every kind, signed addresses and uploads × every kind of caller, and what no state of a file tells."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from files_service.domain.scopes import WRITE
from files_service.services.files import change
from tests.cores import at, call, processed_file
from tests.gateway.serving import Served
from tests.gateway.slices import Talk, talking
from tests.people.links import Visitor
from tests.people.matrix.cells import NOWHERE, of_method, of_route
from tests.people.matrix.expectations import LINKS, METHOD_ROWS, ROUTES, May
from tests.people.matrix.harness import Matrix
from tests.people.matrix.oracle import Answer, expected
from tests.people.matrix.world import OWNER, Caller, headers_of, target
from tests.people.persons import post
from tests.people.test_scopes import NEEDED

HOUR_MS = 3_600_000
PASSWORD = "open sesame"


def link(served: Served, kind: str) -> tuple[Visitor, str]:
    """A visitor with a link of this kind, and the file that it shows."""
    core, owner = served.core, "dis@acme" if kind == "of a disabled account" else OWNER
    file_id = processed_file(core, owner=owner)["file_id"]
    given_of: dict[str, dict[str, Any]] = {
        "locked": {"password": PASSWORD},
        "unlocked": {"password": PASSWORD},
        "collection": {"kind": "collect", "items": [], "path": f"brought {file_id}"},
        "drop": {"kind": "drop", "items": []},
        "limited": {"max_downloads": 3},
        "used up": {"max_downloads": 1},
        "view only": {"allow_download": False},
        "not begun": {"starts_at": core.clock() + HOUR_MS},
        "expired": {"expires_at": core.clock() - HOUR_MS},
    }
    given = given_of.get(kind, {})
    if "path" in given:
        change(core, file_id, lambda before: replace(before, path=f"{given['path']}/{before.name}"))
    # An hour is over for the one that has expired.
    earlier = at(core, core.clock() - 2 * HOUR_MS)
    made = call(
        earlier if kind == "expired" else core, "shares.create", **{"owner": owner, "items": [file_id], **given}
    )
    visitor = Visitor(served, made["url"])
    if kind == "unlocked":
        visitor.unlock(PASSWORD)
    elif kind == "used up":
        Visitor(served, made["url"]).begin(file_id)
    elif kind == "paused":
        call(core, "shares.update", share_id=made["share_id"], changes={"state": "paused"})
    elif kind == "revoked":
        call(core, "shares.revoke", share_id=made["share_id"])
    elif kind == "of a file that is private again":
        call(core, "files.access", file_ids=[file_id], access="private")
    elif kind == "of a file in the trash":
        change(core, file_id, lambda before: replace(before, trashed_at=core.clock()))
    elif kind == "unknown":
        visitor.link = made["url"].replace(made["key"], "A" * 22)
    return visitor, file_id


@pytest.mark.parametrize("kind", LINKS)
def test_a_link_of_each_kind(matrix: Matrix, kind: str) -> None:
    visitor, file_id = link(matrix.served, kind)
    page, cookies = visitor.json(), dict(visitor.cookies)
    unlocked = visitor.unlock("a wrong password")
    counted = visitor.begin(file_id)
    # As somebody without the cookie of the download that was just counted.
    visitor.cookies = cookies
    read, brought = visitor.bytes_of(file_id), visitor.request("POST", "/upload?name=brought.txt", b"x")
    answers = (page, unlocked, counted, read, brought)
    assert tuple(each.status for each in answers) == LINKS[kind]
    begun = visitor.request("POST", "/tus/", None, **{"Tus-Resumable": "1.0.0", "Upload-Length": "1"})
    assert begun.status == brought.status
    assert file_id.encode() not in page.body or page.status == 200


def test_a_link_opens_nothing_but_its_own_file(matrix: Matrix) -> None:
    served = matrix.served
    mine, private, sibling = (processed_file(served.core, owner=OWNER)["file_id"] for _ in range(3))
    for kind in ("open", "unlocked", "limited"):
        visitor, file_id = link(served, kind)
        visitor.begin(file_id)
        for other in (mine, private, sibling):
            there, nowhere = visitor.bytes_of(other), visitor.bytes_of(NOWHERE)
            assert (there.status, there.body) == (nowhere.status, nowhere.body) == (404, nowhere.body)
        cookies = {"Cookie": "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())}
        for each in (mine, file_id):
            for path in (f"/api/files/{each}", f"/api/files/{each}/download", f"/download/{each}?raw=1"):
                reply, stranger = served.request("GET", path, headers=cookies), served.request("GET", path)
                assert reply.status == stranger.status in (401, 404), path
        for path in ("/api/files", "/api/shares", "/api/auth/me"):
            assert served.request("GET", path, headers=cookies).status == 401, path


@pytest.mark.parametrize("row", [each for each, may in ROUTES.items() if may is May.SIGNED])
def test_an_address_of_bytes_without_a_signature(matrix: Matrix, row: str) -> None:
    for state in ("private", "shared", "unlisted", "public", "pending", "trashed"):
        for caller in matrix.callers_in(state):
            subject = matrix.target(state)
            reply = matrix.send(of_route(row, subject, caller))
            allowed = state == "public" and not row.startswith("PUT")
            assert reply.status == (200 if allowed else 403), (row, state, caller.name)
            if not allowed:
                missing = matrix.send(of_route(row, subject, caller).elsewhere(subject))
                assert (missing.status, len(missing.body)) == (403, len(reply.body)), (row, state, caller.name)


ABOUT_FILES = (May.READERS, May.CHANGERS, May.HOLDERS)
OTHERS = re.compile("share|card")
ABOUT = [row for row, may in {**ROUTES, **METHOD_ROWS}.items() if may in ABOUT_FILES and not OTHERS.search(row)]


@pytest.mark.parametrize("row", [row for row in ABOUT if "/ws/" not in row])
def test_a_removed_file_never_was_for_strangers(matrix: Matrix, row: str) -> None:
    subject = target(matrix.core, "public")
    call(matrix.core, "files.remove", file_id=subject.file_id)
    build: Callable[..., Any] = of_route if row in ROUTES else of_method
    for caller in matrix.callers:
        # Those of the tenant may know that there was such a file, but not what it was.
        request = build(row, subject, caller)
        if caller.is_known and caller.tenant in (None, "acme"):
            assert matrix.send(request).status in (200, 401, 403, 404, 410), caller.name
        elif caller.is_known and caller.scopes is None:
            matrix.check(f"{row}, removed, {caller.name}", request, subject, Answer.MISSING)
    matrix.report()


def test_the_websocket_door(matrix: Matrix) -> None:
    async def begin(talk: Talk, caller: Caller, upload_id: str) -> Any:
        return await talk.ask(op="start", token=caller.token, upload_id=upload_id)

    async def play() -> None:
        for caller in matrix.callers:
            subject = matrix.target("pending")
            wanted = expected(May.HOLDERS, subject, caller, WRITE)
            if caller.is_system:
                wanted = Answer.FORBIDDEN
            answers = []
            for file_id in (subject.file_id, NOWHERE):
                async with talking(matrix.served.port, None) as talk:
                    answers.append(await begin(talk, caller, f"{file_id}-p0"))
            codes = {Answer.UNKNOWN_CALLER: "unauthorized", Answer.FORBIDDEN: "forbidden", Answer.MISSING: "not_found"}
            if wanted is Answer.DONE:
                assert answers[0]["op"] == "manifest", caller.name
                continue
            assert answers[0].get("code") == codes[wanted], (caller.name, answers[0])
            for answer in answers:
                answer.get("details", {}).pop("upload_id", None)
            assert answers[0] == answers[1], caller.name

    asyncio.run(play())


OF_ONESELF: dict[str, dict[str, Any]] = {
    "accounts.set_password": {"current": "correct horse battery", "password": "another long phrase"},
    "accounts.end_session": {"session_id": NOWHERE},
    "accounts.create_key": {"label": "x", "scopes": ["files:read"]},
    "accounts.revoke_key": {"key_id": NOWHERE},
    "accounts.confirm_totp": {"code": "123456"},
    "accounts.remove_totp": {"code": "123456"},
}


@pytest.mark.parametrize("row", [each for each, may in {**ROUTES, **METHOD_ROWS}.items() if may is May.SESSIONS])
def test_what_is_for_people_who_are_signed_in(matrix: Matrix, row: str) -> None:
    for caller in (each for each in matrix.callers if not each.is_session):
        before = matrix.position()
        if row in ROUTES:
            reply = matrix.send(of_route(row, matrix.target("private"), caller))
        else:
            given = OF_ONESELF.get(row, {}) | {"token": caller.token or "none"}
            reply = post(matrix.served, f"/rpc/{row}", headers_of(caller), **given)
        reads_itself = row in ("GET /api/auth/me", "accounts.identify") and caller.may_use(NEEDED["GET /api/auth/me"])
        if reads_itself and caller.scopes is not None and caller.is_known:
            assert reply.status == 200, (row, caller.name)
        else:
            assert reply.status in (401, 403) or row.endswith("logout"), (row, caller.name, reply.body)
        assert matrix.position() == before, (row, caller.name)


@pytest.mark.parametrize("row", ["POST /api/files/upload", "POST /tus/", "POST /tus"])
def test_an_upload_is_its_senders(matrix: Matrix, row: str) -> None:
    for caller in matrix.callers:
        headers = {"Authorization": f"Bearer {caller.token}"} if caller.token else {}
        path = row.split()[1] + ("?name=own.txt" if "upload" in row else "")
        headers |= {"Tus-Resumable": "1.0.0", "Upload-Length": "1"} if "tus" in row else {}
        reply = matrix.served.request("POST", path, b"x" if "upload" in row else None, headers)
        wanted = 201 if caller.owner and caller.may_use(WRITE) and not caller.is_bound else 403
        assert reply.status == (wanted if caller.is_known else 401), (row, caller.name, reply.body)
        if reply.status == 201:
            file_id = reply.headers["Location"].rpartition("/")[2].removesuffix("-p0")
            record = matrix.core.metadata.get(file_id)
            assert (record.owner, type(record.owner)) == (caller.owner, str)


def test_the_page_of_files_shows_ones_own(matrix: Matrix) -> None:
    secret = matrix.target("private").file_id.encode()
    for caller in matrix.callers:
        cookie = {"Cookie": f"files_session={caller.token}"} if caller.token else {}
        page = matrix.served.request("GET", "/", headers=cookie)
        assert page.status == 200
        signed_in = caller.is_known and (caller.is_session or caller.name.startswith("JWT"))
        assert (secret in page.body) == (signed_in and caller.owner == OWNER), caller.name
