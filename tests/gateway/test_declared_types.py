"""Media types as recorders and browsers write them, at every door."""

from __future__ import annotations

from typing import Any

import pytest

from tests.gateway.addresses import declare, put
from tests.gateway.owners import bearer
from tests.gateway.serving import Served
from tests.gateway.slices import Talk, talk
from tests.gateway.tus import create, file_id_of, made, metadata, patch

RECORDED = 'video/webm;codecs="vp9, opus"'
TYPES = {
    RECORDED: RECORDED,
    "Video/MP4; Codecs=avc1.42E01E": "video/mp4; codecs=avc1.42E01E",
    "text/plain;charset=UTF-8": "text/plain;charset=utf-8",
    'text/plain; title="a \\"b\\"; c"; charset=utf-8': 'text/plain; title="a \\"b\\"; c"; charset=utf-8',
    "audio/ogg; codecs=opus;": "audio/ogg; codecs=opus;",
}
NO_TYPES = ["video", "video/", "a/b; c", 'a/b; c="', "a/b; c=d e", "ä/b", f"a/b; c={'x' * 250}"]


CURL_S_DEFAULT = "application/x-www-form-urlencoded"


def type_of(served: Served, file_id: str) -> Any:
    return served.result("files.info", file_id=file_id)["content_type"]


@pytest.mark.parametrize(("said", "kept"), TYPES.items())
def test_a_type_with_parameters_is_taken_and_given_back(gateway: Served, said: str, kept: str) -> None:
    part = declare(gateway, 3, content_type=said)
    assert put(gateway, part, b"abc").status == 201
    reply = gateway.request("POST", "/api/files/upload?name=a", b"abc", {**bearer("ann"), "Content-Type": said})
    assert reply.status == 201, reply.body
    url = made(gateway, 3, **{"Upload-Metadata": metadata(filetype=said)})
    assert patch(gateway, url, 0, b"abc").status == 204
    form = (
        f'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\nContent-Type: {said}\r\n\r\nabc\r\n--b--'
    )
    headers = {**bearer("ann"), "Content-Type": "multipart/form-data; boundary=b"}
    formed = gateway.request("POST", "/api/files/upload", f"{form}\r\n".encode(), headers)
    assert formed.status == 201, formed.body
    for file_id in (part["file_id"], reply.json["file_id"], file_id_of(url), formed.json["file_id"]):
        assert type_of(gateway, file_id) == kept
        gateway.result("files.process", file_id=file_id)
        answer = gateway.request("GET", gateway.result("files.download", file_id=file_id)["urls"][0])
        assert answer.headers["Content-Type"] == kept


def test_a_recorder_s_type_is_taken_by_websocket(gateway: Served) -> None:
    async def scene(socket: Talk) -> Any:
        return await socket.ask(op="start", name="a", size=1, mime_type=RECORDED)

    assert talk(gateway.port, scene)["mime_type"] == RECORDED


@pytest.mark.parametrize("said", NO_TYPES)
def test_what_is_no_type_is_refused(gateway: Served, said: str) -> None:
    reply = gateway.call("files.upload", owner="ann", name="a", parts=[{"size": 1, "content_type": said}])
    assert (reply.status, reply.fields) == (400, ["parts.0.content_type"])


@pytest.mark.parametrize("said", ["undefined", "null", "", "Undefined", CURL_S_DEFAULT])
def test_words_that_programs_put_for_no_type_declare_none(gateway: Served, said: str) -> None:
    url = made(gateway, 3, **{"Upload-Metadata": metadata(filename="a", filetype=said)})
    assert patch(gateway, url, 0, b"abc").status == 204
    assert type_of(gateway, file_id_of(url)) == "application/octet-stream"
    reply = gateway.request("POST", "/api/files/upload?name=a", b"abc", {**bearer("ann"), "Content-Type": said})
    assert reply.status == 201, reply.body
    assert type_of(gateway, reply.json["file_id"]) == "application/octet-stream"
    assert create(gateway, 3, None, **{"Upload-Metadata": metadata(filetype="not a type")}).status == 400


def test_a_version_by_curl_without_a_type_stays_a_video(gateway: Served) -> None:
    headers = bearer("ann")
    first = gateway.request("POST", "/api/files/upload?name=a.mp4", b"abc", {**headers, "Content-Type": "video/mp4"})
    file_id = first.json["file_id"]
    gateway.result("files.process", file_id=file_id)
    untyped = {**headers, "Content-Type": CURL_S_DEFAULT}
    version = gateway.request("POST", f"/api/files/{file_id}/version", b"second", untyped)
    assert version.status == 201, version.body
    gateway.result("files.process", file_id=version.json["file_id"])
    found = gateway.result("files.info", file_id=file_id)
    assert (found["size"], found["content_type"]) == (6, "video/mp4")
