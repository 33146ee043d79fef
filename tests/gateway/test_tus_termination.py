"""Uploads by tus that their sender ends."""

from __future__ import annotations

from tests.gateway.serving import Served
from tests.gateway.tus import BYTES, CONTENT, TUS, content_of, file_id_of, made, patch


def test_a_terminated_upload_is_gone(served: Served) -> None:
    url = made(served)
    patch(served, url, 0, CONTENT[:600_000])
    assert served.request("DELETE", url, headers=TUS).status == 204
    for method in ("HEAD", "PATCH", "DELETE"):
        reply = served.request(method, url, b"" if method == "PATCH" else None, {**BYTES, "Upload-Offset": "0"})
        assert reply.status == 410
    assert served.call("files.info", file_id=file_id_of(url)).status == 404


def test_terminating_a_complete_upload_removes_its_file(served: Served) -> None:
    url = made(served, 3)
    patch(served, url, 0, b"abc")
    assert content_of(served, url) == b"abc"
    assert served.request("DELETE", url, headers=TUS).status == 204
    assert served.request("HEAD", url, headers=TUS).status == 410
    assert served.call("files.info", file_id=file_id_of(url)).status == 404


def test_a_part_that_has_arrived_is_not_torn_out_of_its_file(served: Served) -> None:
    parts = [{"size": 3, "type": "other", "content_type": "text/plain"}] * 2
    declared = served.result("files.upload", owner="ann", name="two", parts=parts)
    first, second = (f"/tus/{declared['file_id']}-p{number}" for number in range(2))
    assert patch(served, first, 0, b"abc").status == 204
    refused = served.request("DELETE", first, headers=TUS)
    assert (refused.status, refused.code) == (409, "conflict")
    assert patch(served, second, 0, b"d").status == 204
    assert served.request("DELETE", second, headers=TUS).status == 204
    assert patch(served, second, 0, b"def").status == 204
    assert served.result("files.process", file_id=declared["file_id"])["status"] == "processed"
