"""``PUT /blobs/{key}``: what is stored, what is refused, and what is left behind: nothing."""

from __future__ import annotations

import hashlib
import itertools
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from files_service.gateway.limits import KIB, MIB, Limits
from tests.cores import memory_core, sqlite_core
from tests.gateway.addresses import TYPE, declare, put, status_of, stored_files
from tests.gateway.serving import WAIT_SECONDS, Reply, Served, serving, wait_until

# Small enough to go through the event loop, and large enough for a thread of its own.
SIZES = (0, 1, 70_000, MIB - 1, MIB, 3 * MIB + 17)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Served]:
    """A gateway that no other test uses."""
    with serving(sqlite_core(tmp_path)) as served:
        yield served


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ["gateway", "memory_gateway"])
def test_bytes_are_stored_and_the_file_is_uploaded(request: pytest.FixtureRequest, kind: str, size: int) -> None:
    served: Served = request.getfixturevalue(kind)
    content = os.urandom(size)
    part = declare(served, size, sha256=hashlib.sha256(content).hexdigest(), md5=hashlib.md5(content).hexdigest())
    reply = put(served, part, content)
    assert reply.status == 201, reply.body
    assert (reply.json["file_id"], reply.json["status"]) == (part["file_id"], "uploaded")
    assert reply.headers["ETag"] == f'"{hashlib.sha256(content).hexdigest()}"'
    assert b"".join(served.core.blobs.get(part["key"])) == content


@pytest.mark.parametrize("size", SIZES)
def test_repeating_an_upload_is_answered_again_and_other_bytes_are_refused(gateway: Served, size: int) -> None:
    content = os.urandom(size)
    part = declare(gateway, size)
    first, second = put(gateway, part, content), put(gateway, part, content)
    assert (first.status, second.status) == (201, 200)
    assert (first.json["duplicate"], second.json["duplicate"]) == (False, True)
    assert first.headers["ETag"] == second.headers["ETag"]
    if size:
        other = put(gateway, part, bytes(size) if content != bytes(size) else b"x" * size)
        assert (other.status, other.code) == (409, "conflict")
        assert b"".join(gateway.core.blobs.get(part["key"])) == content


def test_bytes_whose_answer_was_lost_before_they_counted_are_taken_again(gateway: Served) -> None:
    part = declare(gateway, 3)
    gateway.core.blobs.put(part["key"], [b"abc"], content_type=TYPE, now=1)
    assert status_of(gateway, part) == "pending"
    assert (put(gateway, part, b"abc").status, status_of(gateway, part)) == (200, "uploaded")


@pytest.mark.parametrize("size", [5, 2 * MIB])
@pytest.mark.parametrize("name", ["md5", "crc32c", "sha256"])
def test_bytes_that_are_not_the_declared_ones_are_not_stored(own: Served, name: str, size: int) -> None:
    wrong = {"md5": "0" * 32, "crc32c": "0" * 8, "sha256": "0" * 64}[name]
    part = declare(own, size, **{name: wrong})
    reply = put(own, part, b"x" * size)
    assert (reply.status, reply.code, reply.error["details"]["field"]) == (409, "part_mismatch", name)
    assert (stored_files(own), status_of(own, part)) == (set(), "pending")


def test_each_part_has_its_own_address_and_the_last_one_completes(gateway: Served) -> None:
    record = gateway.result("files.upload", owner="ann", name="a", parts=[{"size": 1}, {"size": 2}])
    replies = [put(gateway, part, b"x" * part["size"]) for part in record["parts"]]
    assert [reply.json["parts_received"] for reply in replies] == [1, 2]
    assert [reply.json["status"] for reply in replies] == ["pending", "uploaded"]


def test_a_removed_file_takes_no_bytes(own: Served) -> None:
    part = declare(own, 5)
    own.result("files.remove", file_id=part["file_id"])
    reply = put(own, part, b"12345")
    assert (reply.status, reply.code, stored_files(own)) == (410, "gone", set())


class TestSendingByHand:
    """What only shows when the bytes come piece by piece."""

    @pytest.fixture(params=[100_000, 4 * MIB], ids=["by-loop", "by-thread"])
    def size(self, request: pytest.FixtureRequest) -> int:
        size: int = request.param
        return size

    def head(self, served: Served, part: Any, *more: str) -> bytes:
        parts = urlsplit(part["upload"]["url"])
        headers = [f"{name}: {value}" for name, value in part["upload"]["headers"].items()]
        return "\r\n".join([f"PUT {parts.path}?{parts.query} HTTP/1.1", "Host: x", *headers, *more, "", ""]).encode()

    def test_a_file_removed_meanwhile_leaves_no_bytes(self, own: Served, size: int) -> None:
        part = declare(own, size)
        with own.connect() as connection:
            connection.sendall(self.head(own, part) + bytes(size // 2))
            own.result("files.remove", file_id=part["file_id"])
            connection.sendall(bytes(size - size // 2))
            answer = connection.recv(65_536)
        assert answer.startswith(b"HTTP/1.1 410 ")
        assert stored_files(own) == set()

    def test_an_upload_that_breaks_off_leaves_nothing_and_can_be_repeated(self, own: Served, size: int) -> None:
        part = declare(own, size)
        with own.connect() as connection:
            connection.sendall(self.head(own, part) + bytes(size // 2))
            wait_until(lambda: own.state.in_flight == 1)
        wait_until(lambda: own.state.in_flight == 0)
        assert stored_files(own) == set()
        assert put(own, part, bytes(size)).status == 201

    def test_a_client_that_asks_is_told_to_send_only_when_the_bytes_are_wanted(self, own: Served, size: int) -> None:
        part = declare(own, size)
        with own.connect() as connection:
            connection.sendall(self.head(own, part, "Expect: 100-continue"))
            assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
            connection.sendall(bytes(size))
            assert connection.recv(65_536).startswith(b"HTTP/1.1 201 ")
        own.result("files.remove", file_id=part["file_id"])
        with own.connect() as connection:
            connection.sendall(self.head(own, part, "Expect: 100-continue"))
            assert connection.recv(65_536).startswith(b"HTTP/1.1 410 ")

    def test_a_sender_that_falls_silent_is_not_waited_for(self, tmp_path: Path, size: int) -> None:
        with serving(sqlite_core(tmp_path), Limits(upload_idle_seconds=0.05)) as served, served.connect() as connection:
            connection.sendall(self.head(served, declare(served, size)) + b"x")
            answer = connection.recv(65_536)
            assert answer.startswith(b"HTTP/1.1 408 ")
            assert b"Connection: close" in answer
            assert stored_files(served) == set()

    def test_bytes_may_come_in_any_pieces(self, own: Served, size: int) -> None:
        content = os.urandom(size)
        part = declare(own, size, sha256=hashlib.sha256(content).hexdigest())
        data = self.head(own, part) + content
        cuts = [0, 1, 100, 700, 701, 66_000, len(data) - 1, len(data)]
        with own.connect() as connection:
            for start, end in itertools.pairwise(cuts):
                connection.sendall(data[start:end])
            assert connection.recv(65_536).startswith(b"HTTP/1.1 201 ")

    def test_a_stopping_gateway_receives_what_has_begun(self, tmp_path: Path, size: int) -> None:
        with serving(sqlite_core(tmp_path)) as served, served.connect() as connection:
            part = declare(served, size)
            connection.sendall(self.head(served, part, "Expect: 100-continue"))
            assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
            connection.sendall(bytes(size // 2))
            stopping = threading.Thread(target=served.stop)
            stopping.start()
            wait_until(lambda: served.state.stopping)
            connection.sendall(bytes(size - size // 2))
            answer = connection.recv(65_536)
            stopping.join(WAIT_SECONDS)
            assert answer.startswith(b"HTTP/1.1 201 ")
            assert b"Connection: close" in answer
            assert served.core.metadata.get(part["file_id"]).status == "uploaded"

    def test_a_stopping_gateway_breaks_off_what_takes_too_long(self, tmp_path: Path, size: int) -> None:
        with serving(sqlite_core(tmp_path)) as served, served.connect() as connection:
            part = declare(served, size)
            connection.sendall(self.head(served, part, "Expect: 100-continue"))
            assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
            served.stop(0.05)
            assert connection.recv(65_536).startswith(b"HTTP/1.1 503 ")
            assert stored_files(served) == set()
            assert served.core.metadata.get(part["file_id"]).status == "pending"


def test_two_uploads_of_one_part_at_once_end_as_one(gateway: Served) -> None:
    size = 2 * MIB
    content = os.urandom(size)
    part = declare(gateway, size)
    replies: list[Reply] = []
    threads = [threading.Thread(target=lambda: replies.append(put(gateway, part, content))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_SECONDS)
    assert {reply.status for reply in replies} <= {201, 200, 409}
    assert [reply.status for reply in replies].count(201) == 1
    assert {reply.code for reply in replies if reply.status == 409} <= {"busy"}
    assert put(gateway, part, content).status == 200


def test_uploads_beyond_the_limit_are_told_to_come_again(tmp_path: Path) -> None:
    with serving(memory_core(tmp_path), Limits(uploads=1)) as served, served.connect() as first:
        one, two = declare(served, 5), declare(served, 5)
        first.sendall(TestSendingByHand().head(served, one, "Expect: 100-continue"))
        assert first.recv(100).startswith(b"HTTP/1.1 100 ")
        reply = put(served, two, b"12345")
        assert (reply.status, reply.code, reply.headers["Retry-After"]) == (503, "service_unavailable", "1")
        first.sendall(b"12345")
        assert first.recv(65_536).startswith(b"HTTP/1.1 201 ")
        assert put(served, two, b"12345").status == 201


def test_a_small_upload_leaves_the_connection_usable(gateway: Served) -> None:
    one, two = declare(gateway, 5), declare(gateway, 5)
    by_hand = TestSendingByHand()
    with gateway.connect() as connection:
        for part in (one, two):
            connection.sendall(by_hand.head(gateway, part) + b"12345")
            assert connection.recv(65_536).startswith(b"HTTP/1.1 201 ")


def test_a_page_of_another_origin_may_upload(gateway: Served) -> None:
    part = declare(gateway, 5)
    asked = gateway.request(
        "OPTIONS",
        part["upload"]["url"],
        headers={
            "Origin": "https://app.example",
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": "content-type",
        },
    )
    assert asked.status == 204
    assert asked.headers["Access-Control-Allow-Origin"] == "*"
    assert "PUT" in asked.headers["Access-Control-Allow-Methods"]
    assert "content-type" in asked.headers["Access-Control-Allow-Headers"].lower()
    reply = put(gateway, part, b"12345", Origin="https://app.example")
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert "ETag" in reply.headers["Access-Control-Expose-Headers"]


def test_the_buffers_of_all_uploads_share_the_memory_set_aside() -> None:
    limits = Limits(upload_buffer_bytes=MIB, upload_buffers_bytes=16 * MIB)
    assert [limits.upload_buffer(uploads) for uploads in (0, 1, 8, 16, 64)] == [
        MIB,
        MIB,
        MIB,
        512 * KIB,
        128 * KIB,
    ]
