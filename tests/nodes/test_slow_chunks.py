"""Senders of slow chunks at ``/file``: the memory is shared, and nobody waits for it without end."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from files_service.gateway.doors.nodes.files import IN_MEMORY
from files_service.gateway.limits import Limits
from files_service.gateway.transfer.memory_budget import MemoryBudget
from tests.gateway.owners import bearer
from tests.gateway.serving import WAIT_SECONDS, Reply, Served, head_of, serving, wait_until
from tests.nodes.pings import core_of_nodes

CHUNK = 1_024
AT_ONCE = 16
# By the clock of the gateway's loop, which the tests put forward.
PATIENT = Limits(upload_idle_seconds=100_000, body_slow_seconds=3_000, body_wait_seconds=5_000)
RELUCTANT = Limits(upload_idle_seconds=100_000, body_slow_seconds=9_000, body_wait_seconds=5_000)


@contextmanager
def served_with(folder: Path, limits: Limits) -> Iterator[tuple[Served, ExitStack]]:
    """A gateway, and the connections to it that are closed first."""
    with serving(core_of_nodes(folder, chunk_bytes=CHUNK, free_disk_bytes=0), limits) as served, ExitStack() as held:
        yield served, held


def address_of(served: Served, owner: str) -> str:
    headers = {**bearer(owner), "Content-Type": "application/json"}
    reply = served.request("POST", "/file", json.dumps({"name": "a", "size": CHUNK}).encode(), headers)
    assert reply.status == 201
    return f"/file/{reply.json['id']}"


def slow(served: Served, owner: str, number: int) -> socket.socket:
    """A peer of its own that begins to send a chunk."""
    connection = socket.create_connection(
        ("127.0.0.1", served.port), timeout=WAIT_SECONDS, source_address=(f"127.0.0.{number + 2}", 0)
    )
    headers = {**bearer(owner), "Content-Type": "application/octet-stream", "Content-Length": str(CHUNK)}
    connection.sendall(head_of("POST", address_of(served, owner), headers) + b"x")
    return connection


def send(served: Served, owner: str) -> Reply:
    headers = {**bearer(owner), "Content-Type": "application/octet-stream"}
    return served.request("POST", address_of(served, owner), b"x" * CHUNK, headers)


def memory(served: Served) -> MemoryBudget:
    return served.state_of(IN_MEMORY).budget


def all_taken(served: Served, held: ExitStack) -> None:
    """Let as many owners as there is memory for begin to send a chunk."""
    for number in range(AT_ONCE):
        held.enter_context(slow(served, f"slow {number}", number))
    wait_until(lambda: len(memory(served)._held) == AT_ONCE)


def waiting(served: Served, pool: ThreadPoolExecutor) -> Future[Reply]:
    """Another owner, who waits for memory."""
    sending = pool.submit(send, served, "ann")
    wait_until(lambda: len(memory(served)._waiting) == 1)
    return sending


def test_many_slow_chunks_of_an_owner_leave_memory_to_others(tmp_path: Path) -> None:
    with served_with(tmp_path, PATIENT) as (served, held):
        for number in range(AT_ONCE + 4):
            held.enter_context(slow(served, "eve", number))
        wait_until(lambda: len(memory(served)._held) + len(memory(served)._waiting) == AT_ONCE + 4)
        assert send(served, "ann").status == 201


def test_slow_chunks_give_up_their_memory_while_others_wait(tmp_path: Path) -> None:
    with served_with(tmp_path, PATIENT) as (served, held), ThreadPoolExecutor(1) as pool:
        all_taken(served, held)
        served.pass_seconds(PATIENT.body_slow_seconds + 1)
        assert len(memory(served)._held) == AT_ONCE, "nobody waits yet"
        assert pool.submit(send, served, "ann").result(WAIT_SECONDS).status == 201


def test_a_chunk_that_finds_no_memory_in_time_is_refused(tmp_path: Path) -> None:
    with served_with(tmp_path, RELUCTANT) as (served, held), ThreadPoolExecutor(1) as pool:
        all_taken(served, held)
        sending = waiting(served, pool)
        served.pass_seconds(RELUCTANT.body_wait_seconds + 1)
        refused = sending.result(WAIT_SECONDS)
        assert (refused.status, refused.code) == (503, "service_unavailable")
        assert refused.headers["Retry-After"] == "1"
        assert not memory(served)._waiting
        held.close()
        wait_until(lambda: not memory(served)._held)
        assert send(served, "ann").status == 201
