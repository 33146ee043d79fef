"""Every door with a blob store that encrypts: the same answers, and nothing in clear on the disk."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from files_service.gateway.limits import Limits
from files_service.services.opening import open_core
from tests.cores import processed_file, settings_for
from tests.gateway.addresses import url_of
from tests.gateway.owners import bearer
from tests.gateway.serving import Served, serving, wait_until
from tests.gateway.test_lost_bytes import chunk_files
from tests.gateway.tus import file_id_of, made, patch

CONTENT = b"a sentence to be found " * 20_000 + os.urandom(9_000_001)
SENTENCE = b"sentence"


@pytest.fixture(params=[2**40, 1], ids=["by-loop", "by-thread"])
def served(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Served]:
    keys = f"a:{base64.b64encode(secrets.token_bytes(32)).decode()}"
    core = open_core(settings_for(tmp_path, FILES_ENCRYPTION_KEYS=keys))
    with serving(core, Limits(socket_thread_bytes=request.param)) as served:
        yield served


def test_what_came_in_chunks_is_given_back_whole_and_in_ranges(served: Served, tmp_path: Path) -> None:
    url = made(served, len(CONTENT))
    assert patch(served, url, 0, CONTENT[:5_000_000]).status == 204
    assert patch(served, url, 5_000_000, CONTENT[5_000_000:]).status == 204
    assert served.result("files.process", file_id=file_id_of(url))["status"] == "processed"
    path = f"/api/files/{file_id_of(url)}/download"
    whole = served.request("GET", path, headers=bearer("ann"))
    assert (whole.status, whole.body) == (200, CONTENT)
    assert whole.headers["ETag"] == f'"{hashlib.sha256(CONTENT).hexdigest()}"'
    for start, end in ((0, 0), (300_000, 4_500_000), (len(CONTENT) - 5, len(CONTENT) - 1)):
        reply = served.request("GET", path, headers={**bearer("ann"), "Range": f"bytes={start}-{end}"})
        assert (reply.status, reply.body) == (206, CONTENT[start : end + 1])
    assert all(SENTENCE not in stored.read_bytes() for stored in tmp_path.rglob("content"))


def test_what_came_by_signed_url_is_given_back_by_signed_url(served: Served, tmp_path: Path) -> None:
    url = url_of(served, processed_file(served.core, CONTENT))
    assert served.request("GET", url).body == CONTENT
    assert served.request("GET", url, headers={"Range": "bytes=262143-262145"}).body == CONTENT[262_143:262_146]
    assert served.request("HEAD", url).headers["Content-Length"] == str(len(CONTENT))
    assert all(SENTENCE not in stored.read_bytes() for stored in tmp_path.rglob("content"))


@pytest.mark.parametrize("place", [0, -1])
def test_altered_bytes_are_never_sent(served: Served, tmp_path: Path, place: int) -> None:
    url = made(served, 100_000)
    assert patch(served, url, 0, CONTENT[:100_000]).status == 204
    assert served.result("files.process", file_id=file_id_of(url))["status"] == "processed"
    [stored] = chunk_files(tmp_path)
    damaged = bytearray(stored.read_bytes())
    damaged[place] ^= 1
    stored.write_bytes(damaged)
    reply = served.request("GET", f"/api/files/{file_id_of(url)}/download", headers=bearer("ann"))
    assert (reply.status, reply.code) == (500, "bytes_lost")


def test_a_client_that_stops_reading_frees_its_thread(served: Served) -> None:
    url = url_of(served, processed_file(served.core, CONTENT))
    parts = urlsplit(url)
    with served.connect() as connection:
        connection.sendall(f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert connection.recv(1)
    wait_until(lambda: not served.state.senders.taken)
    assert served.request("GET", url).body == CONTENT
