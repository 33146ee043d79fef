"""Folders and the trash at the doors: by REST, tus and WebSocket, and the links of files that are thrown away."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from files_service.domain.paths import MAX_DEPTH
from files_service.services.jobs import steps
from tests.cores import call
from tests.gateway.owners import bearer
from tests.gateway.serving import Reply, Served
from tests.gateway.slices import Talk, talk
from tests.gateway.tus import create, metadata
from tests.people.links import Visitor, share, stored
from tests.people.persons import JSON_TYPE, Person, appoint, key_of, register
from tests.unit.places.scenes import paths_of


@pytest.fixture
def ann(served: Served) -> Person:
    """An owner who is signed in."""
    return register(served)


def send(person: Person, method: str, path: str, /, **body: Any) -> Reply:
    """Make a request with a JSON body, or none."""
    return person.request(method, path, json.dumps(body).encode() if body else None, JSON_TYPE if body else {})


def stored_at(ann: Person, path: str, access: str = "private") -> str:
    """A file at a path that is processed."""
    query = f"path={quote(path, safe='')}&access={access}"
    reply = ann.request("POST", f"/api/files/upload?{query}", b"content", {"Content-Type": "text/plain"})
    assert (reply.status, reply.json["path"]) == (201, path), reply.body
    call(ann.served.core, "files.process", file_id=reply.json["file_id"])
    return str(reply.json["file_id"])


def test_a_path_is_taken_in_the_same_way_at_every_door(served: Served, ann: Person) -> None:
    async def by_websocket(client: Talk) -> Any:
        return await client.ask(op="start", path="a/x.txt", size=1)

    async def refused(client: Talk) -> Any:
        return await client.ask(op="start", path="a/../x.txt", size=1)

    stored_at(ann, "a/x.txt")
    for said in (metadata(path="a/x.txt"), metadata(filename="loose")):
        assert create(served, 3, None, **{"Upload-Metadata": said}).status == 201
    assert talk(served.port, by_websocket)["op"] == "manifest"
    assert set(paths_of(served.core)) == {"a/x.txt", "a/x (2).txt", "a/x (3).txt"}
    assert talk(served.port, refused)["details"]["fields"].keys() == {"path"}
    for path in ("..%2Fx", "a%2F..%2Fx", "%2Fx", "a%5Cx", "%2F".join(["a"] * (MAX_DEPTH + 1))):
        reply = ann.request("POST", f"/api/files/upload?path={path}", b"x", {"Content-Type": "text/plain"})
        assert (reply.status, reply.fields) == (400, ["path"])
        climbing = metadata(path=path.replace("%2F", "/").replace("%5C", "\\"))
        assert create(served, 3, None, **{"Upload-Metadata": climbing}).status == 400
    taken = ann.request("POST", "/api/files/upload?path=a/x.txt&on_conflict=fail", b"x", {"Content-Type": "text/plain"})
    assert (taken.status, taken.code) == (409, "path_taken")
    assert set(paths_of(served.core)) == {"a/x.txt", "a/x (2).txt", "a/x (3).txt"}


def test_folders_are_made_shown_moved_trashed_and_restored_by_rest(served: Served, ann: Person) -> None:
    file_id = stored_at(ann, "trips/1/x.txt")
    made = send(ann, "POST", "/api/folders/create", folderName="empty", parent="trips")
    assert (made.status, made.json) == (201, {"path": "trips/empty", "name": "empty", "created": True})
    assert send(ann, "POST", "/api/folders/create", path="trips/empty").status == 200
    shown = ann.get("/api/folders?path=trips").json
    assert [each["path"] for each in shown["folders"]] == ["trips/1", "trips/empty"]
    assert [each["name"] for each in ann.get("/api/files?delimiter=/").json["folders"]] == ["trips"]
    assert [each["file_id"] for each in ann.get("/api/files?prefix=trips/1/&delimiter=/").json["files"]] == [file_id]
    stored_at(ann, "trips2/x.txt")
    found = ann.get("/api/files/search?query=x.txt&folder=trips").json["files"]
    assert [each["path"] for each in found] == ["trips/1/x.txt"]
    ann.delete(f"/api/files/{ann.get('/api/files?prefix=trips2/').json['files'][0]['file_id']}")
    assert ann.delete("/api/trash").json["done"] == 1
    moved = send(ann, "PATCH", "/api/folders", path="trips", to="old/trips")
    assert (moved.status, moved.json["state"], moved.json["done"]) == (200, "done", 1)
    assert ann.get(f"/api/jobs/{moved.json['job_id']}").json == moved.json
    assert ann.get("/api/jobs").json["jobs"][0] == moved.json
    assert ann.delete("/api/folders?path=old/trips").json["state"] == "done"
    trash = ann.get("/api/trash").json
    assert [each["path"] for each in trash["files"]] == ["old/trips/1/x.txt"]
    [entry] = trash["trashed_folders"]
    assert send(ann, "POST", "/api/trash/restore", **entry).json["target"] == "old/trips"
    assert paths_of(served.core) == {"old/trips/1/x.txt": file_id}
    assert [each["path"] for each in ann.get("/api/folders?path=old/trips").json["folders"]][-1] == "old/trips/empty"
    moved = send(ann, "POST", f"/api/files/{file_id}/move", folder="")
    assert (moved.status, moved.json["path"]) == (200, "x.txt")
    bulk = send(ann, "POST", "/api/files/bulk", action="rename", items=[{"file_id": file_id, "name": "y"}])
    assert bulk.json["results"][0]["path"] == "y"


def test_nobody_reaches_into_the_folders_of_another(served: Served, ann: Person) -> None:
    file_id = stored_at(ann, "a/x.txt", access="public")
    bob = register(served, "bob")
    for method, path in (
        ("GET", "/api/folders?owner=ann&path=a"),
        ("GET", "/api/files?owner=ann&delimiter=/"),
        ("GET", "/api/trash?owner=ann"),
        ("DELETE", "/api/trash?owner=ann"),
        ("DELETE", "/api/folders?owner=ann&path=a"),
        ("GET", "/api/jobs?owner=ann"),
        ("POST", f"/api/files/{file_id}/restore"),
        ("DELETE", f"/api/files/{file_id}"),
    ):
        assert send(bob, method, path).status == 403, path
    assert send(bob, "POST", f"/api/files/{file_id}/move", path="b").status == 403
    assert send(bob, "POST", "/api/folders/move", owner="ann", path="a", to="b").status == 403
    assert send(bob, "POST", "/api/folders/create", owner="ann", path="a").status == 403
    assert bob.get("/api/folders?path=a").status == 404
    assert "path" not in bob.get(f"/api/files/{file_id}").json
    assert paths_of(served.core) == {"a/x.txt": file_id}


def test_a_job_is_for_those_who_act_for_its_owner(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "BATCH", 1)
    for tenant in ("acme", "other"):
        call(served.core, "accounts.create_tenant", name=tenant)
    admin, bob = appoint(served, "amy", "admin", "acme"), appoint(served, "bob", tenant="acme")
    other = appoint(served, "eve", "admin", "other")
    for name in ("x", "y"):
        stored_at(bob, f"up/{name}")
    job = admin.call("folders.move", owner="bob@acme", path="up", to="moved").json["result"]
    address = f"/api/jobs/{job['job_id']}"
    assert (job["state"], admin.get(address).json) == ("running", job)
    # Such a key reaches single files alone, and lists no jobs either.
    bound = key_of(bob, "files:read", "files:write", folder="up")
    for stranger in (bound, other, register(served, "zoe")):
        assert [stranger.get(address).status, stranger.delete(address).status] == [404, 404]
    assert bob.get(address).json == job
    assert admin.delete(address).json["state"] == "cancelled"


def test_what_a_person_deletes_is_in_the_trash_and_from_there_gone(served: Served, ann: Person) -> None:
    file_id, other = stored_at(ann, "x.txt"), stored_at(ann, "y.txt")
    assert ann.delete(f"/api/files/{file_id}?permanent=1").status == 409
    first = ann.delete(f"/api/files/{file_id}")
    assert (first.status, first.json["removed"]) == (200, False)
    assert ann.delete(f"/api/files/{file_id}").json == first.json
    assert key_of(ann, "files:delete").delete(f"/api/files/{other}").json["removed"] is False
    assert ann.post(f"/api/files/{file_id}/restore").json["path"] == "x.txt"
    ann.delete(f"/api/files/{file_id}")
    assert ann.delete(f"/api/files/{file_id}?permanent=1").json["removed"]
    assert ann.get(f"/api/files/{file_id}").status == 404
    assert ann.delete("/api/trash").json["done"] == 1
    # A program that a service gave a token deletes at once, as before.
    third = stored_at(ann, "z.txt")
    reply = served.request("DELETE", f"/api/files/{third}", None, bearer("ann"))
    assert (reply.status, reply.json["removed"]) == (200, True)


def test_links_and_addresses_are_closed_in_the_trash_and_open_after_it(served: Served, ann: Person) -> None:
    file_id = stored(ann, access="public")
    visitor = Visitor(served, share(ann, file_id)["url"])
    addresses = [
        call(served.core, "files.download", file_id=file_id, attachment=attachment)["urls"][0].partition("/blobs/")[2]
        for attachment in (False, True)
    ]

    def statuses() -> set[int]:
        paths = [f"/api/files/{file_id}/download", *(f"/blobs/{address}" for address in addresses)]
        return {*(served.request("GET", path).status for path in paths), visitor.bytes_of(file_id).status}

    assert (visitor.json().status, statuses()) == (200, {200})
    ann.delete(f"/api/files/{file_id}")
    assert (visitor.json().status, statuses()) == (410, {401, 403, 410})
    assert ann.get(f"/api/files/{file_id}/download").status == 410
    assert send(ann, "POST", "/api/shares", items=[file_id]).status == 404
    send(ann, "POST", "/api/trash/restore", file_id=file_id)
    assert (visitor.json().status, statuses()) == (200, {200})
