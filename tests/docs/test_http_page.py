"""docs/http.md lists every address of the gateway."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from files_service.gateway.app import DOORS
from files_service.gateway.auth.bearer import make_token
from files_service.gateway.limits import KIB, MIB, Limits
from tests.cores import SECRETS, processed_file, sqlite_core, with_preview
from tests.docs.pages import plain, read, rows
from tests.gateway.serving import Served, serving

PAGE = read("docs/http.md")
ADDRESSES = [
    (plain(row["address"]), method, plain(row["token"]))
    for row in rows(PAGE, "address", "methods", "token")
    for method in row["methods"].split(", ")
    if method != "OPTIONS"
]
# Statuses of requests without a token, and of those for a file that is unlisted.
REFUSED = {"yes": {401}, "readers": {401, 404}, "signed URL": {403}, "its own": {401, 403, 404}}
HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    "Sec-WebSocket-Protocol": "files-upload.v1",
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway with no files but those that tests add."""
    with serving(sqlite_core(tmp_path_factory.mktemp("data"))) as found:
        yield found


def test_every_address_is_documented_with_its_methods() -> None:
    documented = {plain(row["address"]): set(row["methods"].split(", ")) for row in rows(PAGE, "address", "methods")}
    routed = {re.sub(r":[^}]+", "", path): set(handlers) for door in DOORS for path, handlers in door.table().items()}
    assert documented == routed


def test_the_limits_are_those_of_the_gateway() -> None:
    page = " ".join(read("docs/http.md").split())
    limits = Limits()
    assert (
        f"The body arrived too slowly: more than {limits.call_body_seconds} s for a call, or less than"
        f" {limits.upload_least_bytes // KIB} KiB in {limits.upload_idle_seconds} s of an upload."
    ) in page
    assert f"completes messages of less than 16 KiB in {limits.websocket_idle_seconds} s" in page
    assert (
        f"within {limits.websocket_first_seconds} s and {limits.stranger_bytes // KIB} KiB,"
        f" and a gateway lets {limits.strangers} connections"
    ) in page
    assert f"may have {limits.websocket_bytes // MIB} MiB that are not stored yet" in page
    assert f"arrive within {limits.websocket_message_seconds} s of getting its memory" in page
    assert (
        f"Too many concurrent calls ({limits.calls}), uploads ({limits.uploads}), downloads ({limits.downloads})"
        in page
    )
    assert f"or notifications ({limits.notifications}), or calls" in page
    assert f"at most {limits.call_bytes // MIB} MiB" in page
    assert f"within {limits.ping_seconds} s" in page
    assert f"After a body of {limits.socket_thread_bytes // MIB} MiB or more the connection is closed" in page


@pytest.mark.parametrize(("address", "method", "token"), ADDRESSES)
def test_an_address_needs_the_token_that_the_page_says(served: Served, address: str, method: str, token: str) -> None:
    def status(access: str) -> int:
        record = processed_file(served.core, access=access)
        path = address.replace("{file_id}", record["file_id"]).replace("{upload_id}", f"{record['file_id']}-p0")
        path = path.replace("{key}", record["parts"][0]["key"]).replace("{method}", "files.count")
        if "{kind}" in path:
            with_preview(served.core, record["file_id"])
        path = re.sub(r"\{\w+\}", "x", path.replace("{kind}", "poster"))
        headers = {"Content-Type": "application/json", "Tus-Resumable": "1.0.0"}
        if address == "/ws/upload":
            lines = [f"GET {path} HTTP/1.1", "Host: x", *(f"{name}: {value}" for name, value in HANDSHAKE.items())]
            with served.connect() as connection:
                connection.sendall("\r\n".join([*lines, "", ""]).encode())
                return int(connection.recv(1_000).split()[1])
        return served.request(method, path, b"{}" if method in ("POST", "PUT", "PATCH") else None, headers).status

    if address == "/tus/{upload_id}" and method == "POST":
        assert status("private") == 405
    elif token == "form":
        assert status("private") == (403 if method == "POST" else 200)
    elif token in REFUSED:
        assert status("private") in REFUSED[token]
        if token == "readers" and method == "GET":
            assert status("unlisted") == 200
    else:
        assert status("private") not in (401, 403)


def test_the_words_for_a_token_are_explained() -> None:
    assert {plain(row["token"]) for row in rows(PAGE, "token", "meaning")} == {token for *_, token in ADDRESSES}


def test_only_signed_urls_refuse_chunks(served: Served) -> None:
    bearer = f"Authorization: Bearer {make_token('ann', SECRETS['FILES_JWT_SECRET'], 60)}"
    url = served.result("files.upload", owner="ann", name="x", parts=[{"size": 3}])["parts"][0]["upload"]["url"]
    for line, more, expected in (
        (f"PUT {url.partition('/blobs/')[2].join(['/blobs/', ''])}", "Content-Type: application/octet-stream", 411),
        ("POST /api/files/upload?name=x", f"{bearer}\r\nContent-Type: text/plain", 201),
        (
            "POST /tus/",
            f"{bearer}\r\nTus-Resumable: 1.0.0\r\nUpload-Length: 3\r\nContent-Type: application/offset+octet-stream",
            201,
        ),
    ):
        head = f"{line} HTTP/1.1\r\nHost: x\r\n{more}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        reply = served.talk(f"{head}3\r\nabc\r\n0\r\n\r\n".encode())
        assert int(reply.split()[1]) == expected, (line, reply)


def test_the_sample_of_a_call_has_the_fields_of_the_answer(served: Served) -> None:
    [sample] = re.findall(r'^\{"result":[^`]*', PAGE, re.M)
    processed_file(served.core, owner="the sample's")
    answer = served.result("files.count", owner="the sample's")
    shown = json.loads(sample)["result"]
    assert list(shown) == list(answer)
    assert {**shown, "change_token": ""} == {**answer, "change_token": ""}
