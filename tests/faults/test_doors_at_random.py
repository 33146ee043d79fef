"""Uploads that change doors, come in any order, twice, in pieces, over connections that break and servers that die.

A nightly run has more of them. After each: the file is what was sent, it was completed once, and what
had been acknowledged was never asked for again. After all: every chunk that is named is there, and no other.
"""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import os
import random
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError

from files_service.core import Core
from files_service.domain.chunking import chunk_key, manifest_of
from files_service.services.content import chunks_of, read
from files_service.services.opening import open_core
from files_service.services.uploads.sweep import sweep_uploads
from storage_adapters import Ranges, SupportsChanges, SupportsUploads
from tests.cores import at, call, settings_for
from tests.faults.gateways import PACKAGED, GatewayProcess
from tests.feeds import file_changes
from tests.gateway.owners import bearer
from tests.gateway.slices import talking
from tests.scale import at_scale

RUNS = at_scale(quick=4, default=12, nightly=300)
CHUNK = 32 * 1024
CONFIG = PACKAGED + f"  chunk_bytes: {CHUNK}\n"
TUS = {"Tus-Resumable": "1.0.0", **bearer("ann")}
MOST_STEPS = 200


class Sender:
    """One upload, sent by somebody whose network and patience are bad."""

    def __init__(self, gateway: GatewayProcess, seed: int) -> None:
        self.random = random.Random(seed)
        self.gateway = gateway
        self.content = self.random.randbytes(self.random.choice([0, 1, CHUNK, self.random.randrange(40 * CHUNK)]))
        if self.random.random() < 0.2:
            # The same chunk again and again.
            self.content = (self.content[:CHUNK] * 20)[: self.random.randrange(20 * CHUNK)]
        self.sha256 = hashlib.sha256(self.content).hexdigest()
        self.upload_id = ""
        self.acknowledged = Ranges()
        self.kills = self.random.random() < 0.15

    def run(self) -> str:
        """Send it all; returns the id of the file."""
        for _ in range(MOST_STEPS):
            with suppress(OSError, http.client.HTTPException, ClientError, ConnectionError):
                step = self.random.choice([self.by_tus, self.by_tus_cut, self.by_websocket, self.by_websocket])
                if step():
                    return self.upload_id.partition("-")[0]
            if self.kills and self.random.random() < 0.3:
                self.kills = False
                self.gateway.kill()
                self.gateway.start()
        raise AssertionError("the upload came to no end")

    def request(self, method: str, path: str, body: bytes | None = None, **headers: Any) -> Any:
        with closing(http.client.HTTPConnection("127.0.0.1", self.gateway.port, timeout=60)) as connection:
            connection.request(method, path, body, {**TUS, **headers})
            response = connection.getresponse()
            response.read()
            return response

    def offset(self) -> int:
        """Where tus would go on; begins the upload when there is none. What was acknowledged has to be there."""
        if not self.upload_id:
            said: Any = {"Upload-Length": str(len(self.content))}
            if self.random.random() < 0.3:
                said = {"Upload-Defer-Length": "1"}
            location = self.request("POST", "/tus/", **said).headers["Location"]
            self.upload_id = location.rpartition("/")[2]
        response = self.request("HEAD", f"/tus/{self.upload_id}")
        assert response.status == 200
        offset = int(response.headers["Upload-Offset"])
        assert not self.acknowledged.gaps(0, self.acknowledged.contiguous)
        assert offset >= self.acknowledged.contiguous, "something that was acknowledged is asked for again"
        return offset

    def patch_headers(self, offset: int, body: bytes) -> dict[str, str]:
        headers = {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        if offset + len(body) == len(self.content) or self.random.random() < 0.2:
            headers["Upload-Length"] = str(len(self.content))
        return headers

    def by_tus(self) -> bool:
        offset = self.offset()
        size = self.random.choice([1, 1_000, CHUNK, 5 * CHUNK, len(self.content)])
        body = self.content[offset : offset + size]
        response = self.request("PATCH", f"/tus/{self.upload_id}", body, **self.patch_headers(offset, body))
        if response.status == 204:
            reached = int(response.headers["Upload-Offset"])
            for gap in self.acknowledged.gaps(0, reached):
                self.acknowledged.add(*gap)
            return reached == len(self.content)
        assert response.status in (409, 410), response.status
        return False

    def by_tus_cut(self) -> bool:
        offset = self.offset()
        body = self.content[offset:]
        headers = {**TUS, **self.patch_headers(offset, body), "Content-Length": str(len(body)), "Host": "x"}
        head = f"PATCH /tus/{self.upload_id} HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in headers.items())
        with socket.create_connection(("127.0.0.1", self.gateway.port), timeout=60) as connection:
            connection.sendall(f"{head}\r\n".encode() + body[: self.random.randrange(len(body) + 1)])
            if self.kills and self.random.random() < 0.5:
                self.kills = False
                self.gateway.kill()
                self.gateway.start()
            elif self.random.random() < 0.5:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        return False

    def by_websocket(self) -> bool:
        return asyncio.run(self.talk())

    async def talk(self) -> bool:
        async with talking(self.gateway.port) as client:
            said: Any = {"upload_id": self.upload_id} if self.upload_id else {"name": "x", "size": len(self.content)}
            manifest = await client.ask(op="start", **said)
            if manifest is None or manifest["op"] == "error":
                return False
            self.upload_id = manifest["upload_id"]
            there = Ranges([(start, end) for start, end in manifest["ranges"]])
            for start, end in self.acknowledged.as_list():
                assert not there.gaps(start, end), "something that was acknowledged is asked for again"
            missing = [
                (place, min(place + CHUNK, end))
                for start, end in there.gaps(0, len(self.content))
                for place in range(start, end, CHUNK)
            ]
            self.random.shuffle(missing)
            chosen = missing[: self.random.choice([1, 3, len(missing)])]
            chosen += self.random.choices(chosen, k=min(len(chosen), self.random.choice([0, 0, 2])))
            heard = await self.send(client, chosen)
            if heard < len(chosen):
                return False
            if self.random.random() < 0.7 or len(chosen) >= len(missing):
                size_known = manifest["size"] is not None or not there.gaps(0, len(self.content))
                if size_known or len(chosen) >= len(missing):
                    answer = await client.ask(op="finish", sha256=self.sha256)
                    return answer is not None and answer["op"] == "done"
            return False

    async def send(self, client: Any, slices: list[tuple[int, int]]) -> int:
        """Send slices; maybe hang up on the way. Returns how many were acknowledged."""
        leave_after = self.random.randrange(len(slices) + 1) if self.random.random() < 0.3 else len(slices)
        heard = 0
        for number, (start, end) in enumerate(slices[:leave_after]):
            await client.put(start, self.content[start:end])
            if number - heard >= 3:
                heard += self.note(await client.hear())
        while heard < leave_after and leave_after == len(slices):
            heard += self.note(await client.hear())
        return heard

    def note(self, message: Any) -> int:
        if message is None or message["op"] != "ack":
            raise ConnectionError("the upload was broken off")
        for gap in self.acknowledged.gaps(message["slice_start"], message["slice_start"] + message["size"]):
            self.acknowledged.add(*gap)
        return 1


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def gateway(data_dir: Path) -> Iterator[GatewayProcess]:
    process = GatewayProcess(data_dir, CONFIG)
    process.start()
    yield process
    process.close()


@pytest.fixture(scope="module")
def core(data_dir: Path) -> Iterator[Core]:
    opened = open_core(settings_for(data_dir))
    yield opened
    opened.close()


def uploaded_events(core: Core, file_id: str) -> int:
    assert isinstance(core.metadata, SupportsChanges)
    changes = file_changes(core.metadata, after="", limit=1_000_000)
    return sum(change.file_id == file_id and change.event == "uploaded" for change in changes)


@pytest.mark.timeout(3_600)
def test_every_file_is_what_was_sent_and_nothing_is_left_behind(gateway: GatewayProcess, core: Core) -> None:
    first = int(os.environ.get("FILES_RANDOM_SEED", "0"))
    for seed in range(first, first + RUNS):
        sender = Sender(gateway, seed)
        file_id = sender.run()
        record = call(core, "files.process", file_id=file_id)
        assert record["status"] == "processed", seed
        assert record["parts"][0]["sha256"] == sender.sha256, seed
        [part] = core.metadata.get(file_id).parts
        assert b"".join(read(core, part)) == sender.content, seed
        assert uploaded_events(core, file_id) == 1, seed
        if seed % 3 == 0:
            call(core, "files.remove", file_id=file_id)
    assert_swept_clean(core)


def all_files(core: Core) -> Iterator[Any]:
    cursor = None
    while True:
        page = call(core, "files.list", owner="ann", limit=100, cursor=cursor)
        yield from page["files"]
        cursor = page["next_cursor"]
        if cursor is None:
            return


def assert_swept_clean(core: Core) -> None:
    """After everything expired and was swept, the chunks on the disk are those that the files name."""
    for days in (10, 20):
        # What is deleted in the first is out of quarantine in the second.
        later = at(core, core.clock() + days * 86_400_000)
        cursor = None
        while (answer := call(later, "files.sync", cursor=cursor))["next_cursor"] is not None:
            cursor = answer["next_cursor"]
        while sweep_uploads(later).total():
            pass
    assert isinstance(core.metadata, SupportsUploads)
    named = set()
    for record in all_files(core):
        for part in core.metadata.get(record["file_id"]).parts:
            upload_id = manifest_of(part)
            if upload_id is not None:
                named |= {chunk_key("ann", each.object_id, each.token) for each in chunks_of(core, upload_id)}
    blobs = core.settings.data_dir / "blobs" / "blobs"
    stored = {str(path.relative_to(blobs)).removesuffix(".blob") for path in blobs.rglob("*.blob")}
    assert stored == named
