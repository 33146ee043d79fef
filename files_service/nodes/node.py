"""A node: its rules over its disk, and what it does by itself."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from files_service.nodes.blob_indexes import BlobIndexes
from files_service.nodes.chunk_disk import FOLDERS, QUARANTINE, TRASH, ChunkDisk
from files_service.nodes.disk_driver import DiskDriver
from files_service.nodes.identity import MarkerGone, NodeFolder, NodeRefused, create
from files_service.nodes.inventory import Inventory, InventoryBroken, set_aside
from files_service.nodes.metrics import NodeCollector
from files_service.nodes.scrub import Scrub
from files_service.nodes.status import NodeStatus
from files_service.runtime.clock import now_ms
from storage_adapters import JSON
from storage_adapters.blobs.nodes.calls import NodeCaller
from storage_adapters.blobs.nodes.protocol import messages as m
from storage_adapters.blobs.nodes.protocol import node as rules
from storage_adapters.blobs.nodes.protocol import startup
from storage_adapters.blobs.nodes.protocol.effects import Call
from storage_adapters.blobs.nodes.protocol.errors import DiskError, NodeError, NodeUnavailable, StartRefused

logger = logging.getLogger(__name__)

INVENTORY = "inventory.db"
CHECK_SECONDS = 5.0
PURGE_SECONDS = 3_600.0
KEPT_DAYS = 7
FLOOR_BYTES = 256 * 1024 * 1024
_DAY_MS = 86_400_000


def initialize(root: Path, cluster: str) -> None:
    """Make an empty folder that of a new node. Raises NodeRefused."""
    create(root, cluster, FOLDERS)


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except (StartRefused, DiskError, OSError, sqlite3.Error) as error:
        raise NodeRefused(str(error)) from error


class FileNode:
    """A node from its start to ``close``. Raises NodeRefused when the folder must not be served."""

    def __init__(self, root: Path, cluster: str, caller: NodeCaller, *, floor_bytes: int = FLOOR_BYTES) -> None:
        self.folder = NodeFolder.open(root)
        self._caller = caller
        self.stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._was_there, self._purged_at = True, -PURGE_SECONDS
        with ExitStack() as opened, _refusing():
            opened.callback(self.folder.close)
            self.disk = ChunkDisk(root)
            self.disk.sweep()
            self.inventory = Inventory.open(root / INVENTORY)
            opened.callback(self.inventory.close)
            self.driver = DiskDriver(self.folder, self.disk, self.inventory, self._call, floor_bytes=floor_bytes)
            started = self.driver.run(startup.start(cluster, self.folder.record.node_id))
            # A clean stop says nothing of an inventory that was deleted behind it.
            self._started = replace(started, clean=started.clean and not self.inventory.is_new)
            self.driver.complete = self._started.clean and self._started.boots > 1
            opened.pop_all()
        self.indexes = BlobIndexes(self.driver)
        self.metrics = NodeCollector(self.status)
        self.scrub = Scrub(
            self.inventory,
            self._verify,
            is_failing=lambda: self.driver.health.read_only or not self.is_there(),
            stopping=self.stopping,
        )

    @property
    def node_id(self) -> str:
        """The id of the node."""
        return self.folder.record.node_id

    @property
    def device(self) -> int:
        """The device of the disk."""
        return self.folder.device

    def start(self, on_broken: Callable[[InventoryBroken], None] = lambda _: None) -> None:
        """Begin what the node does by itself: look at its disk, empty the trash, scrub.

        ``on_broken`` is called when only another start helps.
        """
        self._on_broken = on_broken
        for work in (self._look_after, self.scrub.run):
            thread = threading.Thread(target=work, daemon=True, name=work.__name__)
            thread.start()
            self._threads.append(thread)

    def close(self) -> None:
        """End in order, so that the inventory is complete at the next start. Closing twice is harmless."""
        self.stopping.set()
        for thread in self._threads:
            thread.join()
        self.inventory.close()
        broken = self.inventory.broken
        if broken is not None and broken.is_damage and self.is_there():
            with suppress(OSError):
                set_aside(self.folder.root / INVENTORY)
        if broken is None and self.driver.complete:
            with suppress(DiskError):
                self.driver.run(startup.stop())
        self.folder.close()

    def answer(self, request: m.Request) -> m.Reply:
        """Answer a request, in the calling thread. Raises NodeError."""
        kind = type(request).__name__
        try:
            reply = self._answer(request)
        except DiskError as error:
            self.metrics.count(kind, NodeUnavailable.code)
            raise NodeUnavailable(str(error)) from error
        except NodeError as error:
            self.metrics.count(kind, error.code)
            raise
        self.metrics.count(kind, "ok")
        return reply

    def status(self) -> NodeStatus:
        """Return what the node says of itself now."""
        chunks, size = self.inventory.total()
        free, total = self.disk.room() if self.is_there() else (0, 0)
        return NodeStatus(
            chunks=chunks,
            bytes=size,
            free=max(0, free - self.driver.floor_bytes),
            total=total,
            complete=self.driver.complete,
            read_only=self.driver.health.read_only,
            quarantined=self.disk.number_of(QUARANTINE),
            scrubbed=self.scrub.read_bytes,
            oldest_unverified_seconds=self.scrub.oldest_unverified_seconds(),
            digest_root=self.inventory.root(),
        )

    def is_there(self) -> bool:
        """Return True when the disk is in its place."""
        try:
            self.folder.check()
        except MarkerGone:
            return False
        return True

    def readiness(self) -> JSON:
        """Return what a load balancer asks for; ``ready`` when chunks can be stored and read."""
        there, read_only = self.is_there(), self.driver.health.read_only
        return {"ready": there and not read_only, "disk": there, "read_only": read_only}

    def _answer(self, request: m.Request) -> m.Reply:
        match request:
            case m.GetIndex(key, offset, length):
                found = self.indexes.latest(key)
                return self._answer(m.GetChunk(found, offset, length)) if found else m.Absent()
            case m.FindBlobs():
                return self.indexes.find(request)
            case m.ListBlobs():
                return self.indexes.page(request)
            case m.PutChunk(first=True):
                with self.indexes.first(request.chunk_id):
                    return self._put(request)
            case m.PutChunk():
                return self._put(request)
            case m.Pull():
                return self.driver.run(rules.handle(request), chunk_id=request.chunk_id)
        return self.driver.run(rules.handle(request))

    def _put(self, request: m.PutChunk) -> m.Reply:
        return self.driver.run(rules.handle(request), chunk_id=request.chunk_id, info=request.info)

    def _call(self, effect: Call) -> m.Reply:
        return self._caller.call(effect.node_id, effect.url, effect.request, effect.timeout)

    def _verify(self, chunk_ids: tuple[str, ...]) -> m.Receipts:
        reply = self.answer(m.Verify(chunk_ids))
        assert isinstance(reply, m.Receipts)
        return reply

    def _look_after(self) -> None:
        """Look at the disk every few seconds, and empty the trash now and then."""
        while not self.stopping.is_set():
            try:
                self._look()
            except Exception:
                logger.exception("the disk cannot be looked after")
            self.stopping.wait(CHECK_SECONDS)

    def _look(self) -> None:
        if self.inventory.broken is not None:
            self._on_broken(self.inventory.broken)
            return
        if self.is_there() != self._was_there:
            self._was_there = not self._was_there
            logger.log(
                logging.INFO if self._was_there else logging.ERROR,
                "the disk is back" if self._was_there else "the disk is gone",
                extra={"root": str(self.folder.root)},
            )
        if self._was_there and not self.driver.complete:
            self._walk()
        if self._was_there and time.monotonic() - self._purged_at > PURGE_SECONDS:
            self._purged_at = time.monotonic()
            self._purge()

    def _walk(self) -> None:
        try:
            self.driver.run(startup.rebuild(self._started))
            self.driver.complete = True
        except DiskError as error:
            logger.warning("the disk cannot be walked", extra={"error": str(error)})

    def _purge(self) -> None:
        try:
            for folder in (TRASH, QUARANTINE):
                self.disk.purge(folder, before=now_ms() - KEPT_DAYS * _DAY_MS)
        except OSError as error:
            logger.warning("the trash cannot be emptied", extra={"error": str(error)})
