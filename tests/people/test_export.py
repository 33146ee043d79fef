"""The export: all that is kept about a person, nothing of others, and no secret."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from files_service.domain.editing import MAX_META_BYTES
from files_service.gateway.auth.bearer import make_token
from files_service.gateway.doors.auth.export import EXPORTS
from files_service.services.accounts.account import require_account
from files_service.services.accounts.documents import OF_OWNERS, hash_of
from files_service.services.export import _DOCUMENTS, PAGE
from files_service.services.shares.share import find_share
from tests.cores import SECRETS, at, call, processed_file, refusal
from tests.gateway.serving import RPC_TOKEN, WAIT_SECONDS, Served, head_of, serving, wait_until
from tests.people.persons import Person, key_of, login, open_people, register

SHARE_PASSWORD = "opens the link"


def fill(person: Person, owner: str, mark: str) -> dict[str, Any]:
    """Everything that a person may have, with names that have a mark in them; returns ids."""
    core = person.served.core
    person.served.request("GET", "/", headers={"User-Agent": mark})
    call(core, "folders.create", owner=owner, path=f"{mark} folder/below")
    call(core, "folders.create", owner=owner, path=f"{mark} old folder")
    call(core, "folders.remove", owner=owner, path=f"{mark} old folder")
    kept, trashed = (person.upload(f"{mark}-{name}.txt") for name in ("kept", "trashed"))
    for each in (kept, trashed):
        call(core, "files.process", file_id=each)
    content = {"Content-Type": "text/plain"}
    for word in ("again", "at last"):
        reply = person.request("POST", f"/api/files/{kept}/version", f"{mark} {word}".encode(), content)
        assert reply.status == 201
        if word == "again":
            call(core, "files.process", file_id=reply.json["file_id"])
    call(core, "files.trash", file_id=trashed)
    key_of(person, "files:read")
    share = call(core, "shares.create", owner=owner, items=[kept], password=SHARE_PASSWORD, title=f"{mark} share")
    return {"kept": kept, "trashed": trashed, "upload": reply.json["file_id"], "share": share["share_id"]}


def lines_of(body: bytes) -> list[tuple[str, Any]]:
    """The type and value of each line."""
    return [(each["type"], each["value"]) for each in map(json.loads, body.splitlines())]


def test_all_that_is_kept_about_a_person_is_in_it(served: Served) -> None:
    ann = register(served)
    ids = fill(ann, "ann", "anns")
    reply = ann.get("/api/export")
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/x-ndjson")
    assert reply.headers["Cache-Control"] == "no-store"
    assert "export.ndjson" in reply.headers["Content-Disposition"]
    lines = lines_of(reply.body)
    assert Counter(kind for kind, _ in lines) == {
        "account": 1,
        "session": 1,
        "key": 1,
        "share": 1,
        "folder": 2,
        "trashed_folder": 1,
        "file": 3,
    }
    values = dict(lines)
    assert (values["account"]["owner"], values["session"]["current"]) == ("ann", True)
    assert values["share"]["share_id"] == ids["share"]
    assert values["trashed_folder"]["path"] == "anns old folder"
    files = {value["file_id"]: value for kind, value in lines if kind == "file"}
    assert set(files) == {ids[name] for name in ("kept", "trashed", "upload")}
    assert files[ids["upload"]]["version_of"] == ids["kept"]
    assert len(files[ids["kept"]]["versions"]) == 1
    assert files[ids["trashed"]]["trashed_at"] is not None
    assert ann.request("HEAD", "/api/export").body == b""
    assert ann.post("/api/archives", file_ids=[ids["kept"]]).status == 201


def test_channels_of_notices_are_in_it_without_their_addresses(tmp_path: Path) -> None:
    with serving(open_people(tmp_path, notice_services=("tgram",))) as served:
        ann, url = register(served), f"tgram://123456789:{'x' * 35}/42"
        kept = call(served.core, "notices.set_channel", owner="ann", name="phone", url=url, quiet_hours=[22, 7])
        lines = lines_of(ann.get("/api/export").body)
    assert [value for kind, value in lines if kind == "notice_channel"] == [kept]


def test_no_kind_of_documents_of_owners_is_left_out() -> None:
    assert {each.collection for each in _DOCUMENTS.values()} >= set(OF_OWNERS)


def test_nothing_of_another_person_is_in_it(served: Served) -> None:
    ann, bob = register(served), register(served, "bob")
    fill(ann, "ann", "anns")
    ids = fill(bob, "bob", "bobs")
    call(served.core, "files.access", file_ids=[ids["kept"]], access="public")
    call(served.core, "files.update", file_id=ids["kept"], changes={"grantees": ["ann"]})
    body = ann.get("/api/export").body
    assert b"anns" in body
    for foreign in (b"bob", *(each.encode() for each in ids.values())):
        assert foreign not in body, foreign
    assert {kind for kind, _ in lines_of(body)} == {kind for kind, _ in lines_of(bob.get("/api/export").body)}


def test_no_secret_is_in_it(served: Served) -> None:
    ann, core = register(served), served.core
    ids, key = fill(ann, "ann", "anns"), key_of(ann, "files:read")
    secret = ann.post("/api/auth/totp").json["secret"]
    reset = call(core, "accounts.reset", owner="ann")["code"]
    account, share = require_account(core, "ann"), find_share(core, ids["share"])
    assert account.password is not None
    assert share is not None
    assert share.password is not None
    stored = core.metadata.get(ids["kept"])
    secrets = [
        *(account.password, share.password, secret, reset, SHARE_PASSWORD),
        *(ann.token, key.token, hash_of(ann.token), hash_of(key.token), hash_of(reset)),
        *(part.key for part in stored.stored_parts),
    ]
    body = ann.get("/api/export").body.decode()
    assert [each for each in secrets if each in body] == []
    for name in ("bucket", "generation", "request_id", "post_action", "password", "hash", "epoch", "recovery"):
        assert f'"{name}"' not in body, name


def test_it_is_read_in_pages_by_http_and_by_calls(served: Served) -> None:
    ann, core = register(served), served.core
    made = {processed_file(core, owner="ann", name=f"{number}.txt")["file_id"] for number in range(2 * PAGE + 3)}
    for number in range(PAGE + 3):
        call(core, "folders.create", owner="ann", path=f"folder {number}")
    lines = lines_of(ann.get("/api/export").body)
    files = [value["file_id"] for kind, value in lines if kind == "file"]
    assert (len(files), set(files)) == (len(made), made)
    assert len({value["path"] for kind, value in lines if kind == "folder"}) == PAGE + 3
    entries, cursor = [], None
    while True:
        page = call(core, "accounts.export", token=ann.token, cursor=cursor)
        assert len(page["entries"]) <= PAGE
        entries += [(each["type"], each["value"]) for each in page["entries"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert entries == lines


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "[]",
        "7",
        '["account"]',
        '["share", "x"]',
        '["share", 1, 2]',
        '["share", "\\ud800", "x"]',
        '["listed", "x"]',
    ],
)
def test_what_is_no_cursor_is_refused(served: Served, cursor: str) -> None:
    token = register(served).token
    assert refusal(served.core, "accounts.export", token=token, cursor=cursor).code == "bad_request"


def test_it_needs_a_session_with_a_fresh_sign_in(served: Served) -> None:
    ann = register(served)
    assert served.request("GET", "/api/export").status == 401
    assert key_of(ann, "files:read", "files:write", "shares", "analytics").get("/api/export").status == 403
    for token in (RPC_TOKEN, make_token("ann", SECRETS["FILES_JWT_SECRET"], 60)):
        assert Person(served, token).get("/api/export").status == 401
    later = at(served.core, served.core.clock() + 16 * 60_000)
    error = refusal(later, "accounts.export", token=ann.token)
    assert (error.code, error.details) == ("forbidden", {"sign_in": "fresh"})
    # The freshness of the first page is none of a later one that a call asks for.
    cursor = call(served.core, "accounts.export", token=ann.token)["next_cursor"]
    assert refusal(later, "accounts.export", token=ann.token, cursor=cursor).code == "forbidden"


def test_one_runs_at_a_time_and_ends_with_its_session(served: Served) -> None:
    ann, bob = register(served), register(served, "bob")
    # More than the buffers of a connection hold.
    for number in range(3 * PAGE):
        processed_file(served.core, owner="ann", name=f"{number}.txt", meta={"text": "x" * (MAX_META_BYTES - 100)})
    with served.connect() as stalled:
        stalled.sendall(head_of("GET", "/api/export", ann.headers) + b"\r\n")
        assert stalled.recv(12) == b"HTTP/1.1 200"
        second = ann.get("/api/export")
        assert (second.status, second.code) == (409, "busy")
        assert bob.get("/api/export").status == 200
        assert ann.delete("/api/auth/sessions").status == 200
        wait_until(lambda: "ann" not in served.state_of(EXPORTS))
    again = Person(served, login(served).json["token"])
    with closing(HTTPConnection("127.0.0.1", served.port, timeout=WAIT_SECONDS)) as connection:
        connection.request("GET", "/api/export", headers=again.headers)
        answer = connection.getresponse()
        assert (answer.status, sum(1 for _ in answer)) == (200, 2 + 3 * PAGE)
