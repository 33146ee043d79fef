"""Calls of one owner, however long and many, leave threads and places to the others."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from files_service.core import LONG_CALLS
from files_service.gateway.limits import Limits
from files_service.gateway.threads import HOLDER, Threads
from files_service.services.hooks import ProcessingHook, ReadPart
from storage_adapters import JSON, FileRecord
from tests.cores import memory_core, pending_file, put_parts
from tests.gateway.owners import bearer
from tests.gateway.serving import RPC_TOKEN, WAIT_SECONDS, Served, head_of, serving, wait_until

MANY = 30


class Waiting(ProcessingHook):
    """Lets the processing of ann's files take as long as the test wants."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.began = threading.Semaphore(0)

    def process(self, record: FileRecord, read: ReadPart) -> dict[str, object]:
        if record.owner == "ann":
            self.began.release()
            assert self.go_on.wait(WAIT_SECONDS)
        return {}


@pytest.fixture
def hook() -> Waiting:
    return Waiting()


@pytest.fixture
def served(tmp_path: Path, hook: Waiting) -> Iterator[Served]:
    with serving(replace(memory_core(tmp_path), hooks=(hook,))) as found:
        yield found


def stored(served: Served, owner: str) -> JSON:
    """A file whose bytes are there, and that is not finished."""
    record = pending_file(served.core, b"content", owner=owner)
    put_parts(served.core, record, [b"content"])
    return record


def finish(served: Served, record: JSON, token: str = RPC_TOKEN) -> str:
    """Finish a file and wait for it; returns its status."""
    part_id = record["parts"][0]["part_id"]
    reply = served.call("files.finish", token=token, file_id=record["file_id"], part_id=part_id, wait=True)
    assert reply.status == 200, reply.body
    return str(reply.json["result"]["status"])


@pytest.mark.parametrize("by", ["system", "ann"])
def test_waiting_finishes_of_one_owner_stop_nobody(served: Served, hook: Waiting, by: str) -> None:
    token = RPC_TOKEN if by == "system" else bearer("ann")["Authorization"].removeprefix("Bearer ")
    records = [stored(served, "ann") for _ in range(MANY)]
    with ThreadPoolExecutor(MANY) as pool:
        finishing = [pool.submit(finish, served, record, token) for record in records]
        try:
            share = LONG_CALLS * 3 // 4
            for _ in range(share):
                assert hook.began.acquire(timeout=WAIT_SECONDS)
            wait_until(lambda: sum(each.done() for each in finishing) == MANY - share)
            assert {each.result() for each in finishing if each.done()} == {"uploaded"}, "a worker processes them"
            assert served.call("files.count").status == 200
            assert served.request("GET", "/api/files", headers=bearer("bob")).status == 200
            assert finish(served, stored(served, "bob")) == "processed"
            reply = served.call("files.process", file_id=records[0]["file_id"])
            assert (reply.status, reply.code) in {(409, "busy"), (503, "service_unavailable")}
        finally:
            hook.go_on.set()
    assert sum(each.result() == "processed" for each in finishing) == share
    assert served.core.long_calls.taken == 0


def test_a_trusted_system_leaves_a_place_to_others(tmp_path: Path) -> None:
    head = {"Authorization": f"Bearer {RPC_TOKEN}", "Expect": "100-continue", "Content-Type": "application/json"}
    with serving(memory_core(tmp_path), Limits(calls=4)) as served, ExitStack() as stack:
        for _ in range(3):
            connection = stack.enter_context(served.connect())
            connection.sendall(head_of("POST", "/rpc/files.count", {**head, "Content-Length": "2"}))
            assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        assert served.call("files.count").code == "service_unavailable"
        token = bearer("ann")["Authorization"].removeprefix("Bearer ")
        assert served.call("files.count", token=token, owner="ann").status == 200


def test_threads_are_shared_by_those_who_wait_for_them() -> None:
    async def scene() -> None:
        threads, go_on, began = Threads("test", 4, most_of_one=3), threading.Event(), threading.Semaphore(0)

        def work() -> str:
            began.release()
            assert go_on.wait(WAIT_SECONDS)
            return HOLDER.get()

        async def ask(holder: str) -> str:
            HOLDER.set(holder)
            return await threads.run(work)

        many = [asyncio.ensure_future(ask("many")) for _ in range(10)]
        for _ in range(3):
            assert await asyncio.to_thread(began.acquire, timeout=WAIT_SECONDS)
        other = asyncio.ensure_future(ask("other"))
        assert await asyncio.to_thread(began.acquire, timeout=WAIT_SECONDS), (
            "the fourth thread is not for the first caller"
        )
        many[-1].cancel()
        go_on.set()
        assert await other == "other"
        assert await asyncio.gather(*many[:-1]) == ["many"] * 9
        assert many[-1].cancelled()
        assert await asyncio.to_thread(lambda: [began.acquire(timeout=WAIT_SECONDS) for _ in range(6)]) == [True] * 6
        assert not began.acquire(blocking=False), "a call that nobody waits for is not made"
        threads.close()

    asyncio.run(scene())


def test_an_error_of_a_call_is_raised_where_it_was_asked_for() -> None:
    async def scene() -> None:
        threads = Threads("test", 1)
        with pytest.raises(ZeroDivisionError):
            await threads.run(lambda: 1 // 0)
        assert await threads.run(lambda: 1) == 1
        threads.close()
        with pytest.raises(RuntimeError):
            await threads.run(lambda: 1)

    asyncio.run(scene())
