"""API keys: what each scope opens, and that no key gains a permission."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from files_service.domain.scopes import SCOPES
from files_service.runtime.clock import now_ms
from files_service.services.files import change
from files_service.services.uploads.whole import WHOLE_BYTES
from tests.clocks import Clock
from tests.cores import call, processed_file
from tests.gateway.serving import RPC_TOKEN, Served, serving, wait_until
from tests.gateway.slices import Talk, talk
from tests.gateway.tus import metadata
from tests.people.persons import Person, appoint, key_of, open_people, post, register


def test_a_key_is_shown_once_and_can_be_revoked(served: Served) -> None:
    ann, bob = register(served), register(served, "bob")
    made = ann.post("/api/auth/keys", label="backup", scopes=["files:read"]).json
    key = Person(served, made["key"])
    assert key.get("/api/files").status == 200
    [shown] = ann.get("/api/auth/keys").json["keys"]
    assert shown == {name: value for name, value in made.items() if name != "key"} | {"used_at": shown["used_at"]}
    assert shown["used_at"] is not None
    assert bob.delete(f"/api/auth/keys/{made['key_id']}").status == 404
    assert ann.delete(f"/api/auth/keys/{made['key_id']}").status == 200
    assert key.get("/api/files").status == 401


def test_a_key_ends_at_its_time(tmp_path: Path) -> None:
    clock = Clock(now_ms())
    with serving(replace(open_people(tmp_path), clock=clock)) as served:
        ann = register(served)
        assert ann.post("/api/auth/keys", label="x", scopes=["files:read"], expires_at=1).status == 400
        key = key_of(ann, "files:read", expires_at=clock() + 1_000)
        assert key.get("/api/files").status == 200
        clock.pass_seconds(1)
        wait_until(lambda: key.get("/api/files").status == 401)


@pytest.mark.parametrize("scope", SCOPES)
def test_a_key_opens_what_its_scope_says(served: Served, scope: str) -> None:
    root = appoint(served, "root", "operator")
    file_id = root.upload()
    key = key_of(root, scope)
    tus = {"Tus-Resumable": "1.0.0", "Upload-Length": "1"}
    opened = {
        "files:read": [key.get("/api/files").status, key.call("files.count", owner="root").status],
        "files:write": [
            key.request("POST", "/api/files/upload?name=b", b"x").status,
            key.request("POST", "/tus/", None, tus).status,
            key.call("files.tag.add", file_id=file_id, tags=["x"]).status,
        ],
        "shares": [
            key.request(
                "PUT", f"/api/files/{file_id}/access", b'{"access": "public"}', {"Content-Type": "application/json"}
            ).status,
            key.call("files.access", file_ids=[file_id], access="private").status,
        ],
        "analytics": [key.call("files.report", owner="root").status],
        "admin": [key.get("/api/invites").status, key.call("accounts.list").status],
        "files:delete": [key.delete(f"/api/files/{file_id}").status, key.call("files.remove", file_id=file_id).status],
    }
    wanted = {"files:write": [201, 201, 200]}
    for each, statuses in opened.items():
        assert statuses == (wanted.get(each, [200, 200][: len(statuses)]) if each == scope else [403] * len(statuses))


def test_a_key_cannot_mint_more_right(served: Served) -> None:
    ann = register(served)
    assert ann.post("/api/auth/keys", label="x", scopes=["admin"]).status == 403
    assert ann.post("/api/auth/keys", label="x", scopes=["everything"]).status == 400
    key = key_of(appoint(served, "root", "operator"), *SCOPES)
    for method, path in (
        ("POST", "/api/auth/keys"),
        ("GET", "/api/auth/keys"),
        ("GET", "/api/auth/sessions"),
        ("DELETE", "/api/auth/sessions"),
        ("POST", "/api/auth/totp"),
        ("POST", "/api/auth/logout"),
    ):
        assert key.request(method, path, b'{"label": "x", "scopes": ["files:read"]}').status == 403, path
    for method in ("accounts.create_key", "accounts.list_keys", "accounts.list_sessions", "accounts.end_sessions"):
        more = {"label": "x", "scopes": ["files:read"]} if method == "accounts.create_key" else {}
        # The trusted system may pass the key on; it stays a key.
        for bearer in (key.headers, {"Authorization": f"Bearer {RPC_TOKEN}"}):
            assert post(served, f"/rpc/{method}", bearer, token=key.token, **more).status == 403, method
    reply = key.post("/api/auth/password", current="x", password="another long phrase")
    assert reply.status == 403


def test_a_key_makes_no_credential_that_may_do_more(served: Served) -> None:
    core = served.core
    call(core, "accounts.create_tenant", name="acme")
    amy, bob = appoint(served, "amy", "admin", "acme"), appoint(served, "bob", tenant="acme")
    processed_file(core, owner="old@acme")
    key, secret = key_of(amy, "admin"), bob.upload()
    assert key.get(f"/api/files/{secret}").status == 403
    for owner in ("amy@acme", "bob@acme"):
        assert key.call("accounts.reset", owner=owner).status == 403, owner
        assert amy.call("accounts.reset", owner=owner).status == 200, owner
    assert key.call("accounts.create", name="old").status == 403
    for role, status in (("admin", 403), ("user", 200)):
        assert key.call("accounts.create_invite", role=role).status == status, role
        assert key.call("accounts.create", name="new", role=role).status == status, role
        assert key.call("accounts.update", owner="bob@acme", role=role).status == status, role
    assert key.post("/api/invites", role="admin").status == 403
    assert amy.call("accounts.update", owner="bob@acme", role="admin").status == 200


def test_a_key_without_the_scope_changes_no_readers(served: Served) -> None:
    ann = register(served)
    file_id = ann.upload(access="shared")
    call(served.core, "files.process", file_id=file_id)
    given = {"file_id": file_id, "changes": {"grantees": ["eve"]}}
    writing, sharing = key_of(ann, "files:read", "files:write"), key_of(ann, "files:read", "files:write", "shares")
    for refused in (writing.call("files.update", **given), writing.call("files.clone", **given, owner="ann")):
        assert (refused.status, refused.error["details"]) == (403, {"scope": "shares"})
    assert [each["grantees"] for each in ann.get("/api/files").json["files"]] == [[]]
    for person in (sharing, ann):
        assert person.call("files.update", **given).status == 200
        assert person.call("files.clone", **given, owner="ann").status == 200
    assert writing.call("files.clone", file_id=file_id, owner="ann", changes={"name": "b"}).status == 200


@pytest.mark.parametrize("access", ["shared", "unlisted", "public"])
def test_a_key_without_the_scope_uploads_private_files_at_every_door(served: Served, access: str) -> None:
    ann = register(served)

    def doors(person: Person, **said: Any) -> list[bool]:
        """Tell which doors take a file with this access."""
        query, headers = urlencode({"name": "x", **said}), {"Content-Type": "text/plain"}
        form = b"".join(
            b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), value.encode())
            for name, value in said.items()
        )
        form += b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nx\r\n--b--\r\n'

        async def start(client: Talk) -> Any:
            return await client.ask(op="start", size=1, token=person.token, **said)

        described = {"Upload-Metadata": metadata(filename="x", **said)}
        created = {"Tus-Resumable": "1.0.0", "Upload-Length": "1", **described}
        replies = [
            person.call("files.upload", owner="ann", name="x", parts=[{"size": 1}], **said),
            person.request("POST", f"/api/files/upload?{query}", b"x", headers),
            person.request("POST", f"/api/files/upload?{query}", bytes(WHOLE_BYTES + 1), headers),
            person.request("POST", "/upload", form, {"Content-Type": "multipart/form-data; boundary=b"}),
            person.post("/file", name="x", size=1, **said),
            person.request("POST", "/tus/", None, created),
        ]
        assert {each.status for each in replies} <= {200, 201, 403}
        told = talk(served.port, start, owner=None)
        assert told["op"] == "manifest" or told["details"] == {"scope": "shares"}
        return [each.status != 403 for each in replies] + [told["op"] == "manifest"]

    writing, sharing = key_of(ann, "files:read", "files:write"), key_of(ann, "files:read", "files:write", "shares")
    assert doors(writing, access=access) == [False] * 7
    assert {each["access"] for each in ann.get("/api/files").json["files"]} == set()
    assert doors(writing) == doors(writing, access="private") == [True] * 7
    assert doors(sharing, access=access) == doors(ann, access=access) == [True] * 7


def test_a_key_without_the_scope_gives_no_readers_for_later(served: Served) -> None:
    ann = register(served)
    given = {"owner": "ann", "name": "x", "parts": [{"size": 1}]}
    writing, sharing = key_of(ann, "files:write"), key_of(ann, "files:write", "shares")
    for update, statuses in (({"grantees": ["eve"]}, [403, 200, 200]), ({"tags": ["a"]}, [200, 200, 200])):
        replies = [
            each.call("files.upload", **given, post_action={"update": update}) for each in (writing, sharing, ann)
        ]
        assert [each.status for each in replies] == statuses


def test_demotion_cuts_the_keys_of_the_demoted(served: Served) -> None:
    root, amy = appoint(served, "root", "operator"), appoint(served, "amy", "operator")
    key = key_of(amy, "admin", "files:read")
    assert key.get("/api/invites").status == 200
    assert root.call("accounts.update", owner="amy", role="user").status == 200
    assert key.get("/api/invites").status == 403
    assert key.call("accounts.list").status == 403
    assert key.get("/api/files").status == 200
    root.call("accounts.update", owner="amy", disabled=True)
    assert key.get("/api/files").status == 401


def test_a_key_of_a_folder_reaches_the_files_below_it_alone(served: Served) -> None:
    ann = register(served)

    def at_path(path: str | None, access: str = "private") -> str:
        file_id = ann.upload(access=access)
        change(served.core, file_id, lambda before: replace(before, path=path))
        call(served.core, "files.process", file_id=file_id)
        return file_id

    key = key_of(ann, "files:read", "files:write", "files:delete", "shares", folder="up")
    inside = at_path("up/a.txt")
    # Neither a folder whose name begins like it, nor what everybody else may read.
    places = (("up2/b.txt", "private"), ("up2/c.txt", "public"), ("up", "public"), ("x/up/c.txt", "private"))
    outside = [at_path(path, access) for path, access in (*places, (None, "public"))]
    for file_id, status in ((inside, 200), *((each, 404) for each in outside)):
        replies = [key.get(f"/api/files/{file_id}{below}") for below in ("", "/download", "/manifest")]
        replies.append(key.call("files.tag.add", file_id=file_id, tags=["x"]))
        replies.append(key.call("files.archive", file_ids=[file_id]))
        assert [each.status for each in replies] == [status] * 5, file_id
    for reply in (
        key.get("/api/files"),
        key.get("/api/events"),
        key.call("files.count", owner="ann"),
        key.call("files.clone", file_id=inside, owner="ann"),
        key.call("files.upload", owner="ann", name="x", parts=[{"size": 1}]),
        key.call("shares.create", owner="ann", items=[inside]),
        key.request("POST", "/api/files/upload?name=x", b"x"),
        key.request("POST", "/tus/", None, {"Tus-Resumable": "1.0.0", "Upload-Length": "1"}),
    ):
        assert reply.status == 403, reply.body
    assert key.call("files.move", file_id=inside, path="up2/a.txt").status == 403
    assert key.call("files.move", file_id=inside, path="up/more/a.txt").status == 200
    for method in ("files.trash", "files.restore"):
        assert key.call(method, file_id=inside).status == 200
    archive = key.call("files.archive", file_ids=[inside]).json["result"]["archive_id"]
    assert key.get(f"/api/archives/{archive}").status == 200
    assert ann.get(f"/api/archives/{archive}").status == 404
    for folder in ("", "/up", "up/", "a//b", "a/../b", "."):
        assert ann.post("/api/auth/keys", label="x", scopes=["files:read"], folder=folder).status == 400, folder


def test_a_websocket_takes_a_key_that_may_write_and_no_other(served: Served) -> None:
    ann = register(served)

    def answer(token: str) -> Any:
        return talk(served.port, lambda talk: talk.ask(op="start", token=token, name="x", size=1), owner=None)

    assert answer(key_of(ann, "files:write").token)["op"] == "manifest"
    refused = answer(key_of(ann, "files:read", "files:delete").token)
    assert (refused["op"], refused["code"]) == ("error", "forbidden")
    assert answer("fs_nobody")["code"] == "unauthorized"


def test_a_websocket_closes_when_its_session_ends(served: Served) -> None:
    ann = register(served)

    async def scene(talk: Talk) -> Any:
        begun = await talk.ask(op="start", token=ann.token, name="x", size=1)
        await asyncio.to_thread(ann.request, "POST", "/api/auth/logout")
        return begun["op"], (await talk.hear())["code"], await talk.hear(), talk.close_code

    assert talk(served.port, scene, owner=None) == ("manifest", "unauthorized", None, 1008)
