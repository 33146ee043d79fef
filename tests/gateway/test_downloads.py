"""``GET`` and ``HEAD /blobs/{key}``: which bytes, under which name, and who gets none."""

from __future__ import annotations

import hashlib
import http.client
import logging
import os
import threading
from contextlib import closing, suppress
from email.utils import formatdate
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from files_service.gateway.limits import Limits
from tests.cores import memory_core, processed_file, sqlite_core
from tests.gateway.addresses import url_of
from tests.gateway.serving import WAIT_SECONDS, Served, serving, wait_until
from tests.waiting import PATIENCE_SECONDS

CONTENT = bytes(range(256)) * 40
SIZE = len(CONTENT)
TAG = f'"{hashlib.sha256(CONTENT).hexdigest()}"'


@pytest.fixture
def url(served: Served) -> str:
    return url_of(served, processed_file(served.core, CONTENT))


def test_the_bytes_come_back_whole(served: Served, url: str) -> None:
    reply = served.request("GET", url)
    assert (reply.status, reply.body) == (200, CONTENT)
    assert reply.headers["Content-Length"] == str(SIZE)
    assert reply.headers["ETag"] == TAG
    assert reply.headers["Accept-Ranges"] == "bytes"
    assert reply.headers["Cache-Control"].startswith("private")
    assert reply.headers["Last-Modified"].endswith("GMT")


def test_head_says_what_get_would_and_sends_nothing(served: Served, url: str) -> None:
    got, asked = served.request("GET", url), served.request("HEAD", url)
    assert (asked.status, asked.body) == (200, b"")
    for name in ("Content-Length", "ETag", "Content-Type", "Last-Modified", "Content-Disposition"):
        assert asked.headers[name] == got.headers[name]


@pytest.mark.parametrize("socket_thread_bytes", [2**40, 1], ids=["by-loop", "by-thread"])
def test_a_large_file_comes_back_identical(tmp_path: Path, socket_thread_bytes: int) -> None:
    content = os.urandom(9_000_001)
    with serving(sqlite_core(tmp_path), Limits(socket_thread_bytes=socket_thread_bytes)) as served:
        url = url_of(served, processed_file(served.core, content))
        assert served.request("GET", url).body == content
        reply = served.request("GET", url, headers={"Range": "bytes=4000000-8999999"})
        assert reply.body == content[4_000_000:9_000_000]


def test_a_connection_serves_one_large_download_after_the_other(gateway: Served) -> None:
    content = os.urandom(3_000_000)
    target = urlsplit(url_of(gateway, processed_file(gateway.core, content)))
    with closing(http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=PATIENCE_SECONDS)) as connection:
        for _ in range(3):
            connection.request("GET", f"{target.path}?{target.query}")
            assert connection.getresponse().read() == content


def test_a_client_that_takes_nothing_is_given_up(tmp_path: Path) -> None:
    with serving(sqlite_core(tmp_path), Limits(stalled_send_seconds=0.05)) as served, served.connect() as connection:
        url = urlsplit(url_of(served, processed_file(served.core, os.urandom(64_000_000))))
        connection.sendall(f"GET {url.path}?{url.query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        # The answer has begun, and may have been given up since.
        received = len(connection.recv(1))
        wait_until(lambda: served.state.in_flight == 0)
        with suppress(ConnectionResetError):
            while piece := connection.recv(1_000_000):
                received += len(piece)
        assert 0 < received < 64_000_000


def test_a_stopping_gateway_breaks_off_a_download_that_takes_too_long(tmp_path: Path) -> None:
    with serving(sqlite_core(tmp_path)) as served, served.connect() as connection:
        url = urlsplit(url_of(served, processed_file(served.core, os.urandom(64_000_000))))
        connection.sendall(f"GET {url.path}?{url.query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert connection.recv(1)
        served.stop(0.05)
        assert served.state.in_flight == 0


def test_an_empty_file_is_empty(served: Served) -> None:
    url = url_of(served, processed_file(served.core, b""))
    reply = served.request("GET", url)
    assert (reply.status, reply.body, reply.headers["Content-Length"]) == (200, b"", "0")
    assert served.request("GET", url, headers={"Range": "bytes=0-"}).status == 416


@pytest.mark.parametrize(
    ("wanted", "status", "start", "end"),
    [
        ("bytes=0-0", 206, 0, 1),
        ("bytes=0-", 206, 0, SIZE),
        ("bytes=5-9", 206, 5, 10),
        ("bytes=-1", 206, SIZE - 1, SIZE),
        (f"bytes=-{SIZE + 1}", 206, 0, SIZE),
        (f"bytes={SIZE - 1}-", 206, SIZE - 1, SIZE),
        (f"bytes=10-{10**30}", 206, 10, SIZE),
        ("BYTES=1-2", 206, 1, 3),
        (f"bytes={SIZE}-", 416, 0, 0),
        (f"bytes={10**30}-", 416, 0, 0),
        ("bytes=-0", 416, 0, 0),
        ("bytes=5-4", 200, 0, SIZE),
        ("bytes=-", 200, 0, SIZE),
        ("bytes=a-b", 200, 0, SIZE),
        ("lines=1-2", 200, 0, SIZE),
        ("bytes=1-2,4-5", 200, 0, SIZE),
        ("bytes=\u00b2-\u00b3", 200, 0, SIZE),
    ],
)
def test_a_range_is_served_or_refused_or_not_one(
    served: Served, wanted: str, status: int, start: int, end: int
) -> None:
    url = url_of(served, processed_file(served.core, CONTENT))
    reply = served.request("GET", url, headers={"Range": wanted})
    assert reply.status == status
    if status == 416:
        assert (reply.code, reply.fields) == ("bad_request", ["Range"])
        assert reply.headers["Content-Range"] == f"bytes */{SIZE}"
        return
    assert reply.body == CONTENT[start:end]
    assert reply.headers["Content-Range"] == (f"bytes {start}-{end - 1}/{SIZE}" if status == 206 else None)
    assert served.request("HEAD", url, headers={"Range": wanted}).status == 200


EARLY = formatdate(0, usegmt=True)
LATE = formatdate(4_000_000_000, usegmt=True)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If-None-Match": TAG}, 304),
        ({"If-None-Match": f"W/{TAG}"}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": f'"other", {TAG}'}, 304),
        ({"If-None-Match": '"other"'}, 200),
        ({"If-None-Match": '"other"', "If-Modified-Since": LATE}, 200),
        ({"If-None-Match": TAG, "Range": "bytes=0-0"}, 304),
        ({"If-Modified-Since": LATE}, 304),
        ({"If-Modified-Since": EARLY}, 200),
        ({"If-Modified-Since": "yesterday"}, 200),
        ({"If-Match": TAG}, 200),
        ({"If-Match": "*"}, 200),
        ({"If-Match": '"other"'}, 412),
        ({"If-Match": f"W/{TAG}"}, 412),
        ({"If-Match": TAG, "If-Unmodified-Since": EARLY}, 200),
        ({"If-Unmodified-Since": EARLY}, 412),
        ({"If-Unmodified-Since": LATE}, 200),
        ({"If-Range": TAG, "Range": "bytes=0-0"}, 206),
        ({"If-Range": f"W/{TAG}", "Range": "bytes=0-0"}, 200),
        ({"If-Range": '"other"', "Range": "bytes=0-0"}, 200),
        ({"If-Range": EARLY, "Range": "bytes=0-0"}, 200),
        ({"If-Range": "nonsense", "Range": "bytes=0-0"}, 200),
    ],
)
def test_conditions_are_weighed_as_rfc_9110_says(served: Served, headers: dict[str, str], status: int) -> None:
    reply = served.request("GET", url_of(served, processed_file(served.core, CONTENT)), headers=headers)
    assert reply.status == status
    if status == 304:
        assert (reply.body, reply.headers["ETag"], reply.headers["Content-Type"]) == (b"", TAG, None)
    if status == 412:
        assert reply.code == "conflict"


def test_a_range_may_be_asked_of_the_very_file_that_was_seen(served: Served, url: str) -> None:
    seen = served.request("HEAD", url).headers["Last-Modified"]
    reply = served.request("GET", url, headers={"If-Range": seen, "Range": "bytes=0-0"})
    assert reply.status == 206


def test_bytes_that_vanished_are_lost(served: Served) -> None:
    record = processed_file(served.core, CONTENT)
    url = url_of(served, record)
    served.core.blobs.delete(record["parts"][0]["key"])
    reply = served.request("GET", url)
    assert (reply.status, reply.code) == (500, "bytes_lost")


def test_downloads_beyond_the_limit_are_told_to_come_again(tmp_path: Path) -> None:
    with serving(sqlite_core(tmp_path), Limits(downloads=1)) as served:
        url = url_of(served, processed_file(served.core, os.urandom(64_000_000)))
        target = url.partition(f":{served.core.settings.http_port}")[2]
        with served.connect() as slow:
            slow.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert slow.recv(10)
            reply = served.request("GET", url)
            assert (reply.status, reply.code, reply.headers["Retry-After"]) == (503, "service_unavailable", "1")
        wait_until(lambda: served.state.in_flight == 0)
        assert served.request("HEAD", url).status == 200


def test_a_client_that_goes_away_is_no_error_of_ours(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for make in (sqlite_core, memory_core):
        with serving(make(tmp_path)) as served:
            url = url_of(served, processed_file(served.core, os.urandom(32_000_000)))
            target = url.partition(f":{served.core.settings.http_port}")[2]
            with served.connect() as gone:
                gone.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                assert gone.recv(10)
            wait_until(lambda: served.state.in_flight == 0)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_stopping_gateway_sends_what_has_begun(tmp_path: Path) -> None:
    content = os.urandom(64_000_000)
    with serving(sqlite_core(tmp_path)) as served, served.connect() as connection:
        url = url_of(served, processed_file(served.core, content))
        target = url.partition(f":{served.core.settings.http_port}")[2]
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        received = bytearray(connection.recv(1))
        stopping = threading.Thread(target=served.stop, args=(WAIT_SECONDS,))
        stopping.start()
        wait_until(lambda: served.state.stopping)
        while piece := connection.recv(1_000_000):
            received += piece
        stopping.join(WAIT_SECONDS)
    assert received.endswith(content)
