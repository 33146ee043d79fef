"""Partial uploads of tus, and what is put together from them."""

from __future__ import annotations

from itertools import pairwise

import pytest

from files_service.services.uploads.concatenate import MAX_JOINS
from tests.gateway.owners import bearer
from tests.gateway.serving import Served
from tests.gateway.tus import CONTENT, TUS, content_of, file_id_of, made, patch


@pytest.mark.parametrize("unfinished", [False, True])
def test_partial_uploads_are_put_together(served: Served, unfinished: bool) -> None:
    cuts = [0, 3_000_000, 3_000_001, len(CONTENT)]
    pieces = [CONTENT[a:b] for a, b in pairwise(cuts)]
    urls = [made(served, len(piece), **{"Upload-Concat": "partial"}) for piece in pieces]
    said = f"final;{' '.join(urls)}"

    def finish() -> str:
        reply = served.request("POST", "/tus/", None, {**TUS, "Upload-Concat": said})
        assert reply.status == 201, reply.body
        return reply.headers["Location"]

    final = finish() if unfinished else ""
    if unfinished:
        head = served.request("HEAD", final, headers=TUS)
        assert (head.headers["Upload-Concat"], head.headers["Upload-Offset"]) == (said, None)
    for url, piece in zip(urls, pieces, strict=True):
        assert patch(served, url, 0, piece).status == 204
        assert served.request("HEAD", url, headers=TUS).headers["Upload-Concat"] == "partial"
        assert served.call("files.info", file_id=file_id_of(url)).status == 404, "a partial upload is no file"
    final = final or finish()
    assert content_of(served, final) == CONTENT
    head = served.request("HEAD", final, headers=TUS)
    assert (head.headers["Upload-Concat"], head.headers["Upload-Length"]) == (said, str(len(CONTENT)))
    assert patch(served, final, 0, b"x").status == 403


@pytest.mark.parametrize(
    "address",
    [
        "/tus/../tus/x",
        "/tus/01ARZ3NDEKTSV4RRFFQ69G5FAV-p0",
        "/blobs/x",
        "https://example.com/other/01ARZ3NDEKTSV4RRFFQ69G5FAV-p0",
        "/tus/..%2f..%2fsecrets",
        "/tus/%00",
        "http://[/tus/01ARZ3NDEKTSV4RRFFQ69G5FAV-p0",
        "",
        "x" * 5_000,
    ],
)
def test_only_ones_own_partial_uploads_can_be_put_together(served: Served, address: str) -> None:
    reply = served.request("POST", "/tus/", None, {**TUS, "Upload-Concat": f"final;{address}"})
    assert reply.status in (400, 404)
    whole = made(served)
    assert served.request("POST", "/tus/", None, {**TUS, "Upload-Concat": f"final;{whole}"}).status == 400
    foreign = served.request(
        "POST", "/tus/", None, {**TUS, **bearer("bob"), "Upload-Length": "1", "Upload-Concat": "partial"}
    ).headers["Location"]
    assert served.request("POST", "/tus/", None, {**TUS, "Upload-Concat": f"final;{foreign}"}).status == 404


def test_a_length_of_a_final_upload_must_be_that_of_its_parts(served: Served) -> None:
    urls = [made(served, size, **{"Upload-Concat": "partial"}) for size in (3, 4)]
    said = {**TUS, "Upload-Concat": f"final;{' '.join(urls)}"}
    for length in ("6", "8", "0"):
        refused = served.request("POST", "/tus/", None, {**said, "Upload-Length": length})
        assert (refused.status, refused.error["details"]["field"]) == (400, "Upload-Length")
    assert served.request("POST", "/tus/", None, {**said, "Upload-Length": "x"}).status == 400
    assert served.request("POST", "/tus/", None, {**said, "Upload-Length": "7"}).status == 201


def test_a_partial_upload_stands_for_its_bytes_only_a_few_times(served: Served) -> None:
    url = made(served, 1_000, **{"Upload-Concat": "partial"})
    assert patch(served, url, 0, CONTENT[:1_000]).status == 204
    said = f"final;{' '.join([url] * 180)}"
    assert served.request("POST", "/tus/", None, {**TUS, "Upload-Concat": said}).status == 400
    replies = [served.request("POST", "/tus/", None, {**TUS, "Upload-Concat": f"final;{url}"}) for _ in range(10)]
    assert [reply.status for reply in replies] == [201] * MAX_JOINS + [400] * (10 - MAX_JOINS)
    assert content_of(served, replies[0].headers["Location"]) == CONTENT[:1_000]
