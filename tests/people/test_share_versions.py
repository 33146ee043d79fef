"""Links to one version of a file: it stays what it is whatever comes later, and ends when it is not kept."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from tests.cores import SECRETS, call, refusal
from tests.gateway.serving import Served, wait_until
from tests.people.links import Visitor, share, stored
from tests.people.persons import JSON_TYPE, Person, register
from tests.unit.cli.running import at, run
from tests.unit.versions.scenes import new_version


@pytest.fixture
def ann(served: Served) -> Person:
    return register(served)


def test_a_link_to_a_version_stays_that_content_and_ends_with_it(served: Served, ann: Person) -> None:
    core, file_id = served.core, stored(ann, content=b"one")
    new_version(core, file_id, b"second")
    made = share(ann, file_id, versions={file_id: file_id})
    plain, pinned = Visitor(served, share(ann, file_id)["url"]), Visitor(served, made["url"])
    assert (made["items"], made["versions"]) == ([file_id], {file_id: file_id})

    def shown() -> tuple[bytes, bytes, int]:
        with zipfile.ZipFile(io.BytesIO(pinned.get("/zip").body)) as archive:
            zipped = archive.read("a.txt")
        return pinned.bytes_of(file_id).body, zipped, pinned.json().json["files"][0]["size"]

    assert (shown(), plain.bytes_of(file_id).body) == ((b"one", b"one", 3), b"second")
    # Named by the id of the present content, it stays when that becomes a former one.
    current = call(core, "versions.list", file_id=file_id)["versions"][0]["version_id"]
    other = Visitor(served, share(ann, file_id, versions={file_id: current})["url"])
    new_version(core, file_id, b"the third")
    call(core, "versions.restore", file_id=file_id, version_id=file_id)
    new_version(core, file_id, b"number five")
    assert ann.post(f"/api/files/{file_id}/move", path="moved/b.txt").status == 200
    assert ann.post(f"/api/files/{file_id}/move", path="a.txt").status == 200
    assert (shown(), other.bytes_of(file_id).body) == ((b"one", b"one", 3), b"second")
    call(core, "versions.remove", file_id=file_id, version_id=file_id)
    for reply in (pinned.bytes_of(file_id), pinned.get("/zip"), pinned.json()):
        wait_until(lambda: pinned.bytes_of(file_id).status == 410)
        assert reply.status == 410
    assert pinned.json().error["details"] == {"deleted": "version"}
    assert b"This version was deleted" in pinned.get().body
    assert ann.get(f"/api/shares/{made['share_id']}").json["closed_items"] == [file_id]
    assert [plain.bytes_of(file_id).body, other.bytes_of(file_id).body] == [b"number five", b"second"]
    # Shared anew, what is not kept is left out.
    again = ann.request("PATCH", f"/api/shares/{made['share_id']}", b'{"state": "active"}', JSON_TYPE).json
    assert (again["items"], again["versions"]) == ([], {})


def test_a_version_must_be_one_of_a_file_that_is_shared(served: Served, ann: Person) -> None:
    file_id, other = stored(ann), stored(ann)
    for items, versions, code in (
        ([file_id], {file_id: other}, "not_found"),
        ([file_id], {other: other}, "bad_request"),
        ([], {file_id: file_id}, "bad_request"),
        ([file_id], {file_id: ""}, "bad_request"),
        ([file_id], {"x": file_id}, "bad_request"),
    ):
        given = {"owner": "ann", "items": items, "versions": versions}
        assert refusal(served.core, "shares.create", **given).code == code, versions
    made = call(served.core, "shares.create", owner="ann", items=[file_id], request_id="r")
    pinned = {"owner": "ann", "items": [file_id], "versions": {file_id: file_id}}
    assert refusal(served.core, "shares.create", **pinned, request_id="r").code == "conflict"
    changes = {"versions": {file_id: file_id}}
    assert refusal(served.core, "shares.update", share_id=made["share_id"], changes=changes).code == "bad_request"
    changed = call(served.core, "shares.update", share_id=made["share_id"], changes={**changes, "items": [file_id]})
    assert changed["versions"] == {file_id: file_id}


def test_a_repetition_and_a_refusal_open_no_file(served: Served, ann: Person) -> None:
    core, file_id, other = served.core, stored(ann), stored(ann)
    call(core, "shares.create", owner="ann", items=[file_id], request_id="q")
    call(core, "files.access", file_ids=[file_id], access="private")
    again = call(core, "shares.create", owner="ann", items=[file_id], request_id="q")
    assert again["closed_items"] == [file_id]
    assert refusal(core, "shares.create", owner="ann", items=[file_id, other], request_id="q").code == "conflict"
    assert {core.metadata.get(each).access for each in (file_id, other)} == {"private"}


def test_a_version_that_was_pruned_ends_its_link(served: Served, ann: Person) -> None:
    core, file_id = served.core, stored(ann, content=b"one")
    new_version(core, file_id, b"second")
    pinned = Visitor(served, share(ann, file_id, versions={file_id: file_id})["url"])
    for number in range(core.settings.max_versions):
        assert pinned.bytes_of(file_id).status == 200
        new_version(core, file_id, f"version {number}".encode())
    wait_until(lambda: pinned.bytes_of(file_id).status == 410)
    assert pinned.json().error["details"] == {"deleted": "version"}


def test_the_command_shares_a_version(served: Served, tmp_path: Path) -> None:
    environ = at(served, {"FILES_DATA_DIR": str(tmp_path), "AMQP_URI": "", **SECRETS})
    me = register(served, "me")
    file_id = stored(me, content=b"one")
    new_version(served.core, file_id, b"second", owner="me")
    made = run(environ, "share", "create", file_id, "--version", file_id)
    assert made.exit_code == 0, made.output
    assert Visitor(served, made.stdout.strip()).bytes_of(file_id).body == b"one"
    assert run(environ, "share", "create", file_id, file_id, "--version", file_id).exit_code == 2
