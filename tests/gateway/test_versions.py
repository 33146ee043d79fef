"""Versions over HTTP: through every door, their addresses, and what signed and public URLs of former contents give."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.gateway.owners import bearer
from tests.gateway.serving import Served
from tests.gateway.slices import Talk, talk
from tests.gateway.test_rest_files import form
from tests.gateway.tus import file_id_of, made, metadata, patch

ANN, BOB = bearer("ann"), bearer("bob")
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def file_id(served: Served) -> str:
    """A public file."""
    reply = served.request("POST", "/api/files/upload?name=notes.txt&access=public", b"one", ANN)
    return str(served.result("files.process", file_id=reply.json["file_id"])["file_id"])


def new_version(served: Served, file_id: str, data: bytes, query: str = "") -> str:
    reply = served.request("POST", f"/api/files/{file_id}/version{query}", data, ANN)
    assert reply.status == 201, reply.body
    assert reply.headers["Location"] == f"/api/files/{file_id}"
    assert served.result("files.process", file_id=reply.json["file_id"])["file_id"] == file_id
    return str(reply.json["file_id"])


def path_of(url: str) -> str:
    """The address without the host, at which another server may stand."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def current(served: Served, file_id: str) -> bytes:
    return served.request("GET", f"/api/files/{file_id}/download", headers=ANN).body


def test_a_version_comes_by_its_address_is_listed_read_labelled_restored_and_removed(
    served: Served, file_id: str
) -> None:
    version_id = new_version(served, file_id, b"second", "?label=draft")
    assert current(served, file_id) == b"second"
    listed = served.request("GET", f"/api/files/{file_id}/versions", headers=ANN).json["versions"]
    assert [(each["version_id"], each["label"]) for each in listed] == [(version_id, "draft"), (file_id, None)]
    address = f"/api/files/{file_id}/version/{file_id}"
    reply = served.request("GET", f"{address}/download", headers={**ANN, "Range": "bytes=1-"})
    assert (reply.status, reply.body) == (206, b"ne")
    assert 'filename="notes.txt"' in reply.headers["Content-Disposition"]
    assert reply.headers["Cache-Control"].startswith("private")
    labelled = served.request("PUT", address, b'{"label": "first"}', {**ANN, **JSON})
    assert labelled.json["versions"][0]["label"] == "first"
    assert served.request("PUT", address, b"", ANN).json["size"] == 3
    assert current(served, file_id) == b"one"
    assert served.request("PUT", address, b"{}", {**ANN, **JSON}).status == 200
    for _ in range(2):
        reply = served.request("DELETE", f"/api/files/{file_id}/version/{version_id}", headers=ANN)
        assert [each["version_id"] for each in reply.json["versions"]] == [file_id]
    assert served.request("GET", f"/api/files/{file_id}/version/{version_id}/download", headers=ANN).status == 404


def test_a_form_brings_a_version(served: Served, file_id: str) -> None:
    body, headers = form(("label", None, b"x"), ("file", "other name.bin", b"second"))
    reply = served.request("POST", f"/api/files/{file_id}/version", body, headers)
    assert (reply.status, reply.json["name"], reply.json["version_label"]) == (201, "notes.txt", "x")
    body, headers = form(("access", None, b"public"), ("file", "a", b"b"))
    assert served.request("POST", f"/api/files/{file_id}/version", body, headers).fields == ["access"]
    assert served.request("POST", f"/api/files/{file_id}/version?name=x", b"b", ANN).fields == ["name"]


def test_the_other_doors_bring_versions(served: Served, file_id: str) -> None:
    said: Any = metadata(filename="a.txt", version_of=file_id, label="by tus")
    url = made(served, 6, **{"Upload-Metadata": said})
    assert patch(served, url, 0, b"second").status == 204
    assert served.result("files.process", file_id=file_id_of(url))["file_id"] == file_id

    async def scene(socket: Talk) -> Any:
        await socket.ask(op="start", name="a", version_of=file_id)
        await socket.put(0, b"third")
        await socket.hear()
        return await socket.ask(op="finish")

    done = talk(served.port, scene)
    assert done["op"] == "done", done
    assert served.result("files.process", file_id=done["file_id"])["file_id"] == file_id
    assert current(served, file_id) == b"third"
    # A client of tus that lost its answer asks again.
    reply = served.request("HEAD", url, headers={**ANN, "Tus-Resumable": "1.0.0"})
    assert (reply.status, reply.headers["Upload-Offset"]) == (200, "6")
    assert served.request("DELETE", url, headers={**ANN, "Tus-Resumable": "1.0.0"}).status == 409
    [signed] = served.result("versions.download", file_id=file_id, version_id=file_id_of(url))["urls"]
    assert served.request("GET", path_of(signed)).body == b"second"


def test_a_signed_put_that_is_repeated_after_the_end_is_answered(served: Served, file_id: str) -> None:
    declared = served.result("files.upload", owner="ann", version_of=file_id, parts=[{"size": 6}])
    upload = declared["parts"][0]["upload"]
    path = path_of(upload["url"])
    assert served.request("PUT", path, b"second", upload["headers"]).status == 201
    served.result("files.process", file_id=declared["file_id"])
    repeated = served.request("PUT", path, b"second", upload["headers"])
    assert (repeated.status, repeated.json["file_id"], repeated.json["duplicate"]) == (200, file_id, True)
    assert current(served, file_id) == b"second"


def test_urls_of_the_former_content_never_give_the_new_one(served: Served, file_id: str) -> None:
    served.result("files.access", file_ids=[file_id], access="private")
    [signed] = served.result("files.download", file_id=file_id)["urls"]
    served.result("files.access", file_ids=[file_id], access="public")
    path = path_of(signed)
    public = path.partition("?")[0]
    before = served.request("GET", public)
    assert before.body == b"one"
    download = f"/api/files/{file_id}/download"
    stale = {"If-None-Match": served.request("GET", download).headers["ETag"]}
    assert served.request("GET", download, headers=stale).status == 304
    new_version(served, file_id, b"second")
    assert served.request("GET", path).body == b"one"
    assert served.request("GET", public).status == 403
    fresh = served.request("GET", download, headers=stale)
    assert (fresh.status, fresh.body) == (200, b"second")
    assert fresh.headers["ETag"] != before.headers["ETag"]


def test_a_rollback_is_newer_than_what_clients_have(served: Served, file_id: str) -> None:
    """A condition by time alone must not find the old bytes unmodified."""
    new_version(served, file_id, b"second")
    served.result("versions.restore", file_id=file_id, version_id=file_id)
    record = served.core.metadata.get(file_id)
    assert record.version_at is not None
    assert record.parts[0].received_at is not None
    assert record.version_at > record.parts[0].received_at
    reply = served.request("GET", f"/api/files/{file_id}/download")
    assert reply.body == b"one"
    assert parsedate_to_datetime(reply.headers["Last-Modified"]).timestamp() == record.version_at // 1000


@pytest.mark.parametrize("caller", [BOB, {}])
def test_versions_are_closed_to_all_but_the_owner(served: Served, file_id: str, caller: dict[str, str]) -> None:
    """The file is public."""
    version_id = new_version(served, file_id, b"second")
    expected = 403 if caller else 401
    for method, path, body in (
        ("GET", "versions", None),
        ("PUT", f"version/{file_id}", b""),
        ("DELETE", f"version/{file_id}", None),
        ("GET", f"version/{file_id}/download", None),
        ("GET", f"version/{version_id}/download", None),
    ):
        assert served.request(method, f"/api/files/{file_id}/{path}", body, caller).status == expected, path
    posted = served.request("POST", f"/api/files/{file_id}/version", b"x", caller)
    absent = served.request("POST", "/api/files/01M8KP6GHMSGQGZE53703RNTT4/version", b"x", caller)
    assert posted.status == absent.status == (404 if caller else 401)
    assert current(served, file_id) == b"second"
