"""``POST /upload``: forms of any size, by owners, and by strangers where an owner is set for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cores import memory_core
from tests.gateway.owners import bearer
from tests.gateway.serving import Reply, Served, serving

MORE_THAN_ONE_REQUEST = b"0123456789abcdef" * 4_096


@pytest.fixture
def served(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Served]:
    core = memory_core(tmp_path, form_upload_bytes=1_024, anonymous_owner=getattr(request, "param", ""))
    with serving(core) as served:
        yield served


def send(served: Served, content: bytes = b"content", headers: dict[str, str] | None = None, path: str = "") -> Reply:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="clip.bin"\r\n\r\n'
    form = {"Content-Type": "multipart/form-data; boundary=b", **(headers or {})}
    return served.request("POST", f"/upload{path}", head + content + b"\r\n--b--\r\n", form)


def test_a_form_is_taken_whatever_its_size_and_its_file_is_at_the_address_of_the_answer(served: Served) -> None:
    reply = send(served, MORE_THAN_ONE_REQUEST, bearer("ann"))
    assert (reply.status, reply.json["owner"], reply.json["name"]) == (201, "ann", "clip.bin")
    served.result("files.process", file_id=reply.json["file_id"])
    found = served.request("GET", reply.headers["Location"], headers=bearer("ann"))
    assert reply.headers["Location"] == f"/download/{reply.json['file_id']}"
    assert (found.status, found.body) == (200, MORE_THAN_ONE_REQUEST)


def test_a_stranger_must_sign_in(served: Served) -> None:
    assert send(served).status == 401
    assert served.result("files.count", owner="guests")["total"] == 0


@pytest.mark.parametrize("served", ["guests"], indirect=True)
def test_a_stranger_sends_for_the_owner_that_is_set(served: Served) -> None:
    reply = send(served)
    assert (reply.status, reply.json["owner"], reply.json["access"]) == (201, "guests", "private")
    assert send(served, headers=bearer("ann")).json["owner"] == "ann"
    assert send(served, headers={"Authorization": "Bearer no-token"}).status == 401


@pytest.mark.parametrize("served", ["guests"], indirect=True)
@pytest.mark.parametrize("query", ["?access=public", "?path=a/b", "?on_conflict=version", "?tags=x"])
def test_a_stranger_decides_nothing_about_the_owner_s_files(served: Served, query: str) -> None:
    assert send(served, path=query).status == 400
    assert served.result("files.count", owner="guests")["total"] == 0


def test_what_is_no_form_is_refused(served: Served) -> None:
    reply = served.request("POST", "/upload", b"content", bearer("ann"))
    assert (reply.status, reply.fields) == (400, ["body"])


def test_a_program_gets_the_bytes_or_an_error_and_a_browser_a_page(served: Served) -> None:
    file_id = send(served, headers=bearer("ann")).json["file_id"]
    served.result("files.process", file_id=file_id)
    address = f"/download/{file_id}"
    assert served.request("GET", address, headers=bearer("ann")).body == b"content"
    assert served.request("GET", address, headers={**bearer("ann"), "Range": "bytes=1-3"}).body == b"ont"
    assert served.request("GET", address, headers=bearer("bob")).code == "forbidden"
    assert served.request("GET", address, headers={"Authorization": "Bearer none"}).code == "unauthorized"
    assert served.request("GET", address).headers["Content-Type"].startswith("text/html")
