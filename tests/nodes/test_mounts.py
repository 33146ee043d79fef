"""Nodes on file systems that are full or go away, and in networks that break. Needs the rights of root."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

import pytest
import requests

from storage_adapters import BlobNotFound, StorageUnavailable
from storage_adapters.blobs.nodes import NodesBlobStore
from tests.contract.blob_scenes import MIB, put, read
from tests.nodes.controller import SmallController
from tests.nodes.processes import NodeProcess, NodesInProcesses
from tests.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.nightly
PARTITIONED_SECONDS = 60.0


def run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=PATIENCE_SECONDS)


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(place))
    yield place
    subprocess.run(["umount", "-l", str(place)], check=False, stderr=subprocess.DEVNULL)


@pytest.fixture
def nodes(tmp_path: Path, mounted: Path) -> Iterator[NodesInProcesses]:
    """Three nodes, the first one alone on a file system of 64 MiB."""
    made = NodesInProcesses.of(tmp_path, 3)
    made.nodes[0] = NodeProcess(
        tmp_path / "small", f"http://{made.controller.address}", zone="zone0", root=mounted / "node"
    )
    with made:
        yield made


@pytest.fixture
def store(nodes: NodesInProcesses) -> Iterator[NodesBlobStore]:
    opened = nodes.open()
    yield opened
    opened.close()


def test_a_full_disk_hands_over_and_keeps_no_half(nodes: NodesInProcesses, store: NodesBlobStore) -> None:
    blobs = {f"full/{number}": os.urandom(4 * MIB) for number in range(40)}
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda item: put(store, *item), blobs.items()))
    small = nodes.nodes[0]
    assert 'outcome="node_full"' in requests.get(f"{small.url}/metrics", timeout=PATIENCE_SECONDS).text
    assert list((small.root / "tmp").iterdir()) == []
    assert all(path.stat().st_size > 4 * MIB for path in small.root.glob("chunks/*/*"))
    assert all(read(store, key) == content for key, content in blobs.items())


def test_no_byte_lands_below_a_disk_that_is_unmounted(
    nodes: NodesInProcesses, store: NodesBlobStore, mounted: Path
) -> None:
    blobs = {f"gone/{number}": os.urandom(100_000) for number in range(200)}
    half = threading.Event()

    def send(item: tuple[int, tuple[str, bytes]]) -> None:
        number, (key, content) = item
        put(store, key, content)
        if number == len(blobs) // 2:
            half.set()

    with ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(send, item) for item in enumerate(blobs.items())]
        assert half.wait(PATIENCE_SECONDS)
        run("umount", "-l", str(mounted))
        for each in sent:
            each.result()
    assert list(mounted.iterdir()) == []
    assert all(read(store, key) == content for key, content in blobs.items())
    assert requests.get(f"{nodes.nodes[0].url}/readyz", timeout=PATIENCE_SECONDS).status_code == 503


class Bridge:
    """A network of this machine and of namespaces, one for each node."""

    def __init__(self, count: int) -> None:
        self._names = [f"fn{os.getpid() % 10_000}n{number}" for number in range(count)]
        self._bridge = f"fb{os.getpid() % 10_000}"
        self.host = "10.213.7.1"

    def __enter__(self) -> Self:
        run("ip", "link", "add", self._bridge, "type", "bridge")
        run("ip", "address", "add", f"{self.host}/24", "dev", self._bridge)
        run("ip", "link", "set", self._bridge, "up")
        for number, name in enumerate(self._names):
            run("ip", "netns", "add", name)
            run("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
            run("ip", "link", "set", name, "master", self._bridge, "up")
            run("ip", "-n", name, "address", "add", f"{self.address(number)}/24", "dev", "eth0")
            run("ip", "-n", name, "link", "set", "eth0", "up")
            run("ip", "-n", name, "link", "set", "lo", "up")
        return self

    def __exit__(self, *_: object) -> None:
        for name in self._names:
            subprocess.run(["ip", "netns", "delete", name], check=False)
        subprocess.run(["ip", "link", "delete", self._bridge], check=False)

    def address(self, number: int) -> str:
        """The address of a node."""
        return f"10.213.7.{10 + number}"

    def within(self, number: int) -> tuple[str, ...]:
        """The command that runs another one in the namespace of a node."""
        return ("ip", "netns", "exec", self._names[number])

    def cut(self, number: int, *, whole: bool = True) -> None:
        """Cut a node off, or mend its cable."""
        run("ip", "link", "set", self._names[number], "down" if whole else "up")

    @contextmanager
    def losing(self) -> Iterator[None]:
        """Lose a fifth of what nodes receive: packets at random, or all for a fifth of the time without the means."""
        losing = ("INPUT", "-i", "eth0", "-m", "statistic", "--mode", "random", "--probability", "0.2", "-j", "DROP")
        with ExitStack() as healing:
            for number in range(len(self._names)):
                tables = (*self.within(number), "iptables")
                try:
                    run(*tables, "--append", *losing)
                except (OSError, subprocess.SubprocessError):
                    healing.enter_context(self._flickering())
                    break
                healing.callback(run, *tables, "--delete", *losing)
            yield

    @contextmanager
    def _flickering(self) -> Iterator[None]:
        healed = threading.Event()

        def flicker(number: int) -> None:
            while not healed.wait(0.8):
                self.cut(number)
                healed.wait(0.2)
                self.cut(number, whole=False)

        with ThreadPoolExecutor(len(self._names)) as pool:
            flickering = [pool.submit(flicker, number) for number in range(len(self._names))]
            try:
                yield
            finally:
                healed.set()
        for each in flickering:
            each.result()


def test_a_broken_network_is_never_absence(tmp_path: Path) -> None:
    with Bridge(4) as bridge:
        controller = SmallController(host=bridge.host)
        url = f"http://{controller.address}"
        made = [
            NodeProcess(
                tmp_path / f"n{number}",
                url,
                zone=f"zone{number}",
                host=bridge.address(number),
                within=bridge.within(number),
            )
            for number in range(4)
        ]
        with NodesInProcesses(controller, made) as nodes:
            store = nodes.open()
            blobs = {f"net/{number}": os.urandom(20_000) for number in range(60)}
            for key, content in blobs.items():
                put(store, key, content)
            for number in (0, 1):
                bridge.cut(number)
            assert _reads(store, blobs, PARTITIONED_SECONDS) < len(blobs)
            for number in (0, 1):
                bridge.cut(number, whole=False)
            with bridge.losing():
                _reads(store, blobs, PARTITIONED_SECONDS)
            end = time.monotonic() + PATIENCE_SECONDS
            while _reads(store, blobs, 0.0) < len(blobs):
                assert time.monotonic() < end
            store.close()


def _reads(store: NodesBlobStore, blobs: dict[str, bytes], seconds: float) -> int:
    """Read all for some time; the number that the last round could read. None is ever absent or wrong."""
    end = time.monotonic() + seconds
    while True:
        found = 0
        for key, content in blobs.items():
            try:
                assert read(store, key) == content
                found += 1
            except BlobNotFound as error:
                raise AssertionError(f"{key} is absent") from error
            except StorageUnavailable:
                continue
        if time.monotonic() > end:
            return found
