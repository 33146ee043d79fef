"""What goes wrong by tus is refused with the protocol's statuses, and writes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cores import sqlite_core
from tests.gateway.owners import bearer
from tests.gateway.serving import Served, serving
from tests.gateway.tus import CONTENT, TUS, checksum, create, file_id_of, made, metadata, offset_of, patch

BAD_PATCHES = [
    ({"Upload-Offset": "1"}, 409, "conflict"),
    ({"Upload-Offset": "-1"}, 400, "bad_request"),
    ({"Upload-Offset": "1e3"}, 400, "bad_request"),
    ({"Upload-Offset": "9" * 30}, 400, "bad_request"),
    ({"Upload-Offset": str(2**52)}, 413, "too_large"),
    ({"Content-Type": "text/plain"}, 415, "unsupported_type"),
    ({"Tus-Resumable": "0.2.2"}, 412, "bad_request"),
    ({"Upload-Checksum": "sha1 AAAA"}, 460, "part_mismatch"),
    ({"Upload-Checksum": "sha1 "}, 460, "part_mismatch"),
    ({"Upload-Checksum": "crc7 AAAA"}, 400, "bad_request"),
    ({"Upload-Checksum": "sha1 %%%"}, 400, "bad_request"),
    ({"Authorization": "Bearer x"}, 401, "unauthorized"),
    ({"Content-Encoding": "gzip"}, 415, "unsupported_type"),
    (bearer("bob"), 404, "not_found"),
    (bearer("ann", ttl_seconds=-5), 401, "unauthorized"),
]


@pytest.mark.parametrize(("headers", "status", "code"), BAD_PATCHES)
def test_a_bad_patch_is_refused_and_nothing_is_written(
    served: Served, headers: dict[str, str], status: int, code: str
) -> None:
    url = made(served)
    reply = patch(served, url, 0, CONTENT[:300_000], **headers)
    assert (reply.status, reply.code) == (status, code)
    assert reply.headers["Tus-Resumable"] == "1.0.0"
    assert offset_of(served, url) == 0


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Upload-Length": "-1"}, 400),
        ({"Upload-Length": str(2**53)}, 400),
        ({"Upload-Length": str(2**53 - 1)}, 413),
        ({"Upload-Length": "x"}, 400),
        ({"Upload-Defer-Length": "1"}, 400),
        ({"Upload-Defer-Length": "2"}, 400),
        ({"Upload-Metadata": "filename %%%"}, 400),
        ({"Upload-Metadata": "filename YQ==,filename Yg=="}, 400),
        ({"Upload-Metadata": metadata(access="everybody")}, 400),
        ({"Upload-Metadata": metadata(filename="x" * 2_000)}, 400),
        ({"Upload-Metadata": metadata(sha256="xyz")}, 400),
        ({"Upload-Concat": "half"}, 400),
        ({"Tus-Resumable": ""}, 412),
        ({"Authorization": ""}, 401),
    ],
)
def test_a_bad_creation_is_refused(served: Served, headers: dict[str, Any], status: int) -> None:
    before = served.result("files.count", owner="ann")["total"]
    reply = create(served, **headers)
    assert reply.status == status
    assert served.result("files.count", owner="ann")["total"] == before


def test_a_refusal_names_the_field_as_it_was_given(served: Served) -> None:
    headers: dict[str, Any] = {"Upload-Metadata": metadata(sha256="xyz")}
    reply = create(served, **headers)
    assert reply.json["error"]["message"].startswith("sha256: ")
    assert list(reply.json["error"]["details"]["fields"]) == ["sha256"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "..\\..\\boot.ini", "/etc/shadow", "C:\\x", "a/../b"])
def test_a_name_that_is_a_path_is_a_name(served: Served, name: str) -> None:
    url = made(served, 1, **{"Upload-Metadata": metadata(filename=name)})
    assert patch(served, url, 0, b"x").status == 204
    served.result("files.process", file_id=file_id_of(url))
    download = served.request("GET", f"/api/files/{file_id_of(url)}/download", headers=TUS)
    assert "/" not in download.headers["Content-Disposition"].partition("filename=")[2].partition(";")[0]
    assert ".." not in download.headers["Content-Disposition"].partition('filename="')[2][:2]


def test_a_body_longer_than_the_upload_is_refused_before_it_is_read(served: Served) -> None:
    url = made(served, 10)
    reply = patch(served, url, 0, CONTENT)
    assert (reply.status, reply.code) == (413, "too_large")
    assert offset_of(served, url) == 0


def test_a_full_quota_or_disk_is_told_before_a_byte_is_taken(tmp_path: Path) -> None:
    with serving(sqlite_core(tmp_path / "a", owner_quota_bytes=1_000, owner_uploads=3)) as served:
        url = made(served, 600)
        assert create(served, 401).status == 507
        loose = made(served, None)
        assert patch(served, loose, 0, b"x" * 300).status == 204
        refused = patch(served, loose, 300, b"x" * 101)
        assert (refused.status, refused.code) == (507, "insufficient_storage")
        assert create(served, 101).status == 507
        made(served, 1)
        assert create(served, 1).error["details"] == {"field": "uploads", "limit": 3}
        assert served.request("DELETE", url, headers=TUS).status == 204
        assert create(served, 600).status == 201
    with serving(sqlite_core(tmp_path / "b", free_disk_bytes=2**53 - 1)) as served:
        refused = create(served, 1)
        assert (refused.status, refused.error["details"]["field"]) == (507, "disk")


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"abcd", {}, 413),
        (b"abc", {"Upload-Checksum": checksum(b"other")}, 460),
        (b"abc", {"Upload-Checksum": "md4 AAAA"}, 400),
        (b"abc", {"Content-Encoding": "gzip"}, 415),
    ],
)
def test_a_creation_whose_bytes_are_refused_leaves_nothing(
    served: Served, body: bytes, headers: dict[str, str], status: int
) -> None:
    assert create(served, 3, body, **bearer("carl"), **headers).status == status
    assert served.core.metadata.open_uploads("carl", limit=9) == []  # type: ignore[attr-defined]
    assert served.result("files.count", owner="carl")["total"] == 0
