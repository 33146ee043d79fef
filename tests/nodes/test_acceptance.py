"""What a small installation promises, at full size, by real processes: for the night."""

from __future__ import annotations

import random
import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from files_service.core import Core
from files_service.errors import NotFound
from files_service.gateway.doors.nodes import routes
from files_service.nodes.controller.census.reports import Outcome
from files_service.nodes.controller.census.runner import CensusRunner
from files_service.nodes.controller.census.throttle import BYTES_A_SECOND, Throttle
from files_service.nodes.controller.layouts import Layouts
from files_service.nodes.controller.liveness import Liveness
from files_service.nodes.controller.nodes import Nodes
from files_service.nodes.controller.watch import Watch
from files_service.services import content
from files_service.worker.sweeper import Sweeper
from storage_adapters import BlobOptions
from storage_adapters.blobs.nodes import NodesBlobStore
from storage_adapters.blobs.nodes.protocol.trimming import Limits
from tests.contract.blob_scenes import MIB, NOW, read
from tests.cores import call, processed_file
from tests.gateway.serving import serving
from tests.nodes.controller import SECRET
from tests.nodes.pings import KEYS, core_of_nodes
from tests.nodes.processes import NodeProcess, NodesInProcesses
from tests.unit.lost_bytes import chunked_file
from tests.waiting import PATIENCE_SECONDS, wait_until

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(3_600)]
FILE = 64 * MIB
DAYS = 10 * 86_400_000


@dataclass
class Installation:
    """Node processes, their controller in this process, and a service over them."""

    core: Core
    liveness: Liveness
    nodes: list[NodeProcess]

    def watch(self) -> Watch:
        """Look at the nodes until all that ping are active."""
        watch = Watch(self.core, Layouts(self.core), self.liveness)

        def all_are_active() -> bool:
            watch.step()
            states = [node.state for node in watch.view.layout.registered]
            return states == ["active"] * len(self.nodes) and not watch.view.silent

        wait_until(all_are_active, seconds=PATIENCE_SECONDS)
        return watch

    def census(self) -> Outcome:
        """Run a census for which no garbage is too young or too much."""
        nodes = Nodes(KEYS)
        limits = Limits(garbage_age=-1.0, fuse_floor=10**6)
        try:
            outcome = CensusRunner(
                self.core, self.watch(), lambda: nodes, holder="test", throttle=Throttle(), limits=limits
            ).run()
        finally:
            nodes.close()
        assert outcome is not None
        return outcome


@contextmanager
def installation(folder: Path, count: int) -> Iterator[Installation]:
    """Run a service whose bytes are on so many node processes."""
    bare = core_of_nodes(folder / "service", chunk_bytes=4 * MIB, free_disk_bytes=0)
    with ExitStack() as opened:
        served = opened.enter_context(serving(bare, doors=(routes.DOOR,)))
        address = f"127.0.0.1:{served.port}"
        nodes = [NodeProcess(folder / f"n{number}", f"http://{address}", zone=f"z{number}") for number in range(count)]
        for node in nodes:
            opened.enter_context(node)
        options = BlobOptions(signing_key=b"k" * 32, public_url="http://127.0.0.1", nodes_secret=SECRET)
        blobs = NodesBlobStore.from_url(f"nodes://{address}", options)
        opened.callback(blobs.close)
        settings = replace(bare.settings, blobs_url=f"nodes://{address}")
        running = Installation(replace(bare, blobs=blobs, settings=settings), Liveness(bare.timer), nodes)
        running.watch()
        yield running


def test_a_wiped_disk_is_filled_again_at_the_speed_of_the_throttle(disk_path: Path) -> None:
    with installation(disk_path, 3) as service:
        for number in range(24):
            chunked_file(service.core, random.Random(number).randbytes(FILE))
        # A write beside a slow node makes one copy more, which a census takes away.
        service.census()
        wiped = service.nodes[0]
        before = wiped.bytes
        assert before > 900 * MIB
        assert wiped.stop() == 0
        for partition in (wiped.root / "chunks").iterdir():
            shutil.rmtree(partition)
        for path in wiped.root.glob("inventory.db*"):
            path.unlink()
        wiped.start()
        wait_until(lambda: wiped.is_complete, seconds=PATIENCE_SECONDS)
        assert wiped.bytes == 0
        service.watch()
        started = time.monotonic()
        outcome = service.census()
        seconds = time.monotonic() - started
        assert (outcome.complete, outcome.failed_repairs, outcome.lost_chunks) == (True, 0, 0)
        assert wiped.bytes == before
        assert seconds < before / BYTES_A_SECOND + 60


def test_a_node_that_was_away_brings_no_deleted_file_back(disk_path: Path) -> None:
    with installation(disk_path, 3) as service:
        core = service.core
        files = [processed_file(core, random.Random(number).randbytes(30_000))["file_id"] for number in range(200)]
        # A write beside a slow node makes one copy more, which a census takes away.
        service.census()
        away = service.nodes[0]
        chunks = away.chunks
        away.kill()
        gone, kept = files[::2], files[1::2]
        for file_id in gone:
            call(core, "files.remove", file_id=file_id)
        later = replace(core, clock=lambda: core.clock() + DAYS)
        Sweeper(later, holder="sweeper").sweep()
        away.start()
        service.watch()
        for file_id in gone:
            with pytest.raises(NotFound):
                call(core, "files.info", file_id=file_id)
        assert away.chunks == chunks
        first, second = service.census(), service.census()
        assert (first.trashed, first.candidates > 0, second.trashed) == (0, True, first.candidates)
        assert away.chunks == chunks - second.trashed
        assert len(list((away.root / "trash").iterdir())) >= second.trashed
        for file_id in kept:
            part = core.metadata.get(file_id).parts[0]
            assert len(b"".join(content.read(core, part))) == part.size
        assert service.census().lost_chunks == 0


def test_uploads_and_downloads_go_on_while_controllers_are_away(tmp_path: Path) -> None:
    """For ten minutes, in which a node is killed and started, too."""
    with NodesInProcesses.of(tmp_path, 3) as nodes:
        store = nodes.open()
        contents: dict[str, bytes] = {}
        failures: list[BaseException] = []
        ended = threading.Event()

        def use(number: int) -> None:
            source = random.Random(number)
            turn = 0
            while not ended.wait(0.2):
                key, content = f"{number}/{turn}", source.randbytes(source.choice((100, 60_000, 5_000_000)))
                turn += 1
                try:
                    store.put(key, [content], content_type="a/b", now=NOW)
                    contents[key] = content
                    old = source.choice(["first", *(each for each in list(contents) if each.startswith(f"{number}/"))])
                    assert read(store, old) == contents[old]
                    if turn % 2:
                        del contents[key]
                        store.delete(key)
                except BaseException as error:
                    failures.append(error)

        store.put("first", [b"1"], content_type="a/b", now=NOW)
        contents["first"] = b"1"
        nodes.controller.stop()
        with ThreadPoolExecutor(2) as pool:
            users = [pool.submit(use, number) for number in range(2)]
            try:
                for minute in range(10):
                    ended.wait(60)
                    if minute == 5:
                        nodes.nodes[0].kill()
                        nodes.nodes[0].start()
            finally:
                ended.set()
            for each in users:
                each.result()
        assert failures == []
        assert len(contents) > 50
        for key, content in contents.items():
            assert read(store, key) == content
        store.close()
