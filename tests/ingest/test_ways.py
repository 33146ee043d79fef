"""The way from a card to the service: proxies with limits, connections that break or stand still, late answers."""

from __future__ import annotations

import asyncio
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace as with_other
from hashlib import sha256
from pathlib import Path

import pytest

from files_service.errors import Gone, NotFound
from files_service.ingest.options import Ending
from files_service.ingest.reader import BLOCK_BYTES
from files_service.ingest.service import Unreachable
from files_service.ingest.transports.transport import Block, UploadSession
from files_service.ingest.transports.tus import TusTransport, _TusSession
from tests.gateway.owners import processed_bytes
from tests.gateway.serving import WAIT_SECONDS, Served
from tests.gateway.tus import patch
from tests.ingest.bringing import (
    CHUNK,
    OWNER,
    Told,
    assert_identical,
    bring,
    bring_to,
    footage,
    service_at,
)
from tests.ingest.cards import fill
from tests.ingest.valve import valve
from tests.pages.gated_proxy import gated
from tests.waiting import wait_until


def unsent_to(port: int) -> int:
    """Bytes that the system keeps for a port of this machine."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(int(row[4].partition(":")[0], 16) for row in rows if row[2].endswith(f":{port:04X}"))


def test_a_connection_that_takes_no_more_bytes_is_given_up(served: Served, tmp_path: Path) -> None:
    """TCP alone notices a network that is gone after a quarter of an hour."""
    files = {"DCIM/100GOPRO/GX010001.MP4": random.Random(7).randbytes(6 * BLOCK_BYTES)}
    fill(tmp_path / "card", files)
    heard = threading.Event()

    class Hearing(Told):
        def said(self, text: str) -> None:
            super().said(text)
            heard.set()

    progress = Hearing()
    with valve(served.port) as way, ThreadPoolExecutor(1) as pool:
        way.open_for(2 * BLOCK_BYTES)
        service = with_other(service_at(way.port), answer_seconds=3)
        running = pool.submit(
            bring_to, service, tmp_path / "card", tmp_path / "state", transport="tus", progress=progress
        )
        assert heard.wait(WAIT_SECONDS)
        # Given up by the system, too, although the peer is there.
        wait_until(lambda: not unsent_to(way.port), seconds=WAIT_SECONDS)
        way.open_for(2**60)
        outcome = running.result(WAIT_SECONDS)
    assert progress.lines[0].endswith("takes no more bytes")
    assert outcome.ending is Ending.COMPLETE
    assert_identical(served, outcome, files)


@pytest.mark.parametrize("longest", [2 * BLOCK_BYTES, 2**20], ids=["blocks", "nginx"])
def test_requests_get_shorter_where_a_proxy_refuses_long_ones(served: Served, tmp_path: Path, longest: int) -> None:
    # More than are under way: some are begun before the first refusal, and read after it.
    files = footage(count=12, size=2 * 2**20 + 7)
    files["DCIM/100GOPRO/GX010099.MP4"] = random.Random(8).randbytes(9 * BLOCK_BYTES + 5)
    fill(tmp_path / "card", files)
    told = Told()
    with gated(served.port) as proxy:
        proxy.limit, proxy.longest = 2**60, longest
        outcome = bring(served, tmp_path / "card", tmp_path / "state", port=proxy.port, transport="tus", progress=told)
        assert proxy.passed > 9 * BLOCK_BYTES
    assert outcome.ending is Ending.COMPLETE
    assert told.lines == []
    assert_identical(served, outcome, files)


def test_a_proxy_that_refuses_the_shortest_requests_is_told_and_waited_for(served: Served, tmp_path: Path) -> None:
    files = footage(count=1, size=2**20)
    fill(tmp_path / "card", files)
    with gated(served.port) as proxy:
        proxy.limit, proxy.longest = 2**60, 1_000

        class Mending(Told):
            """Has the proxy mended when it is told of it."""

            def said(self, text: str) -> None:
                super().said(text)
                proxy.longest = 0

        told = Mending()
        outcome = bring(served, tmp_path / "card", tmp_path / "state", port=proxy.port, transport="tus", progress=told)
    assert outcome.ending is Ending.COMPLETE
    assert told.lines == ["waiting: a proxy refuses requests of this length", "going on"]
    assert_identical(served, outcome, files)


def test_a_late_refusal_makes_requests_no_longer() -> None:
    async def after(*refused: int) -> int:
        async with service_at(1).connect() as remote:
            transport = TusTransport(remote)
            for size in refused:
                transport.shorten(size)
            return transport.request_bytes

    assert asyncio.run(after(8 * BLOCK_BYTES, 60 * BLOCK_BYTES)) == 4 * BLOCK_BYTES
    assert asyncio.run(after(BLOCK_BYTES, 2**20, 2**18)) == 2**18


def declared(served: Served, size: int) -> str:
    """The id of an upload of a file without bytes."""
    record = served.result("files.upload", owner=OWNER, name="a.mp4", parts=[{"size": size}])
    return f"{record['file_id']}-{record['parts'][0]['part_id']}"


async def send(session: UploadSession, content: bytes) -> None:
    """Send a file that is one block."""
    block = Block.at(0, len(content))
    block.data[:] = content
    digest = sha256(content).hexdigest()
    hashed = asyncio.get_running_loop().create_future()
    hashed.set_result(digest)
    try:
        await (await session.send(block, hashed))()
        await session.finish(digest)
    finally:
        await session.close()


def test_bytes_that_come_late_by_a_broken_connection_cost_no_upload(served: Served) -> None:
    content = random.Random(9).randbytes(2 * CHUNK + 5)
    upload_id = declared(served, len(content))

    async def scene() -> None:
        async with service_at(served.port).connect() as remote:
            transport = TusTransport(remote)
            session = await transport.open(upload_id, len(content))
            assert patch(served, f"/tus/{upload_id}", 0, content[: CHUNK // 2]).status == 204
            with pytest.raises(Unreachable, match="late"):
                await send(session, content)
            await send(await transport.open(upload_id, len(content)), content)

    asyncio.run(scene())
    file_id = upload_id.partition("-")[0]
    served.result("files.process", file_id=file_id)
    assert processed_bytes(served, file_id) == content


def test_an_upload_that_is_gone_is_no_fault_of_the_network(served: Served) -> None:
    upload_id = declared(served, 5)
    served.result("files.remove", file_id=upload_id.partition("-")[0])

    async def scene(upload_id: str) -> None:
        async with service_at(served.port).connect() as remote:
            await TusTransport(remote).open(upload_id, 5)

    # A reply to HEAD has no body that tells the error.
    with pytest.raises(Gone):
        asyncio.run(scene(upload_id))
    with pytest.raises(NotFound):
        asyncio.run(scene("01M8P33HR5GH3RKANDME71P3YX-p0"))


@pytest.mark.parametrize("moment", ["declare", "finish"])
def test_what_a_library_cancels_is_sent_again(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """A connection that is given up cancels what others await of it: no group of tasks is to lose a file by that."""
    files, kind = footage(count=3), TusTransport if moment == "declare" else _TusSession
    fill(tmp_path / "card", files)
    real, times = getattr(kind, moment), iter(range(2))

    async def cancelled_at_first(self: object, *arguments: object) -> object:
        if next(times, None) is not None:
            given_up = asyncio.get_running_loop().create_future()
            given_up.cancel()
            await given_up
        return await real(self, *arguments)

    monkeypatch.setattr(kind, moment, cancelled_at_first)
    outcome = bring(served, tmp_path / "card", tmp_path / "state", transport="tus")
    assert (outcome.ending, outcome.uploaded) == (Ending.COMPLETE, len(files))
    assert_identical(served, outcome, files)
