"""The disk of one node: files that go, cannot be read or do not belong there, and writers at the same time."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from files_service.nodes import node as node_module
from files_service.nodes import scrub
from files_service.nodes.chunk_disk import FOLDERS, TRASH, ChunkDisk
from files_service.nodes.disk_health import EIO_LIMIT
from files_service.nodes.node import INVENTORY, FileNode
from files_service.nodes.scrub import BATCH
from files_service.runtime.clock import now_ms
from storage_adapters.blobs.local import disk as files
from storage_adapters.blobs.nodes.http import hash_of
from storage_adapters.blobs.nodes.protocol import messages as m
from storage_adapters.blobs.nodes.protocol.disk import WalkDisk
from storage_adapters.blobs.nodes.protocol.effects import Step
from storage_adapters.blobs.nodes.protocol.errors import DiskError, NodeUnavailable
from storage_adapters.blobs.nodes.protocol.layout import partition_of
from tests.nodes.alone import complete, get, listed, node_in, path_of, put
from tests.waiting import PATIENCE_SECONDS


@pytest.fixture
def node(tmp_path: Path) -> Iterator[FileNode]:
    with node_in(tmp_path / "node") as started:
        yield started


def test_two_first_writes_into_one_partition_succeed(node: FileNode, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder comes between the look of the second writer and its own creation."""
    make = Path.mkdir

    def race(path: Path, *arguments: int, **more: int) -> None:
        os.mkdir(path, 0o700)  # noqa: PTH102 - the method of Path is this one
        make(path, *arguments, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(Path, "mkdir", race)
        assert isinstance(put(node, "a"), m.Stored)
    assert get(node, "a") == b"data"


def test_the_name_of_a_partition_is_synced_before_its_first_chunk_is_confirmed(
    node: FileNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that died, or another writer, may have made the folder without syncing it."""
    path_of(node, "a").parent.mkdir()
    synced: list[Path] = []
    sync = files.sync_folder

    def note(path: Path) -> None:
        synced.append(path)
        sync(path)

    monkeypatch.setattr(files, "sync_folder", note)
    put(node, "a")
    assert node.folder.root / "chunks" in synced


def test_a_folder_that_was_removed_is_made_again(node: FileNode) -> None:
    put(node, "a")
    path_of(node, "a").unlink()
    path_of(node, "a").parent.rmdir()
    put(node, "a")
    assert get(node, "a") == b"data"
    assert partition_of("a") in node.disk.partitions()


def test_the_scrub_goes_on_behind_files_that_are_gone(node: FileNode) -> None:
    for number in range(BATCH + 4):
        put(node, f"chunk{number}")
    for _, entry in node.inventory.oldest(BATCH):
        path_of(node, entry.name).unlink()
    rest = {f"chunk{number}" for number in range(BATCH + 4) if path_of(node, f"chunk{number}").exists()}
    read: set[str] = set()
    for _ in range(2):
        due = [entry for _, entry in node.inventory.oldest(BATCH)]
        node.scrub.read(due)
        read |= {entry.name for entry in due}
    assert rest <= read
    assert listed(node) == rest


@pytest.mark.parametrize("request_", [m.Verify(("a",)), m.GetChunk("a"), m.HeadChunk("a"), m.Have(("a",))])
def test_a_copy_whose_file_is_gone_is_listed_no_more(node: FileNode, request_: m.Request) -> None:
    put(node, "a")
    put(node, "b")
    path_of(node, "a").unlink()
    node.answer(request_)
    assert listed(node) == {"b"}
    assert node.inventory.total()[0] == 1
    put(node, "a")
    assert listed(node) == {"a", "b"}


@pytest.mark.parametrize("method", ["read", "open"])
def test_a_disk_that_goes_while_a_copy_is_read_takes_nothing_from_the_inventory(
    node: FileNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    put(node, "a")

    def vanish(*_: object, **__: object) -> None:
        node.folder.root.rename(tmp_path / "unmounted")
        node.folder.root.mkdir()
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")

    with monkeypatch.context() as patched:
        patched.setattr(ChunkDisk, method, vanish)
        if method == "read":
            assert node.answer(m.Verify(("a",))) == m.Receipts({}, (), ("a",))
        else:
            with pytest.raises(NodeUnavailable):
                get(node, "a")
    node.folder.root.rmdir()
    (tmp_path / "unmounted").rename(node.folder.root)
    assert listed(node) == {"a"}


@contextmanager
def unreadable(
    monkeypatch: pytest.MonkeyPatch, *paths: Path, code: int = errno.EIO, method: str = "open"
) -> Iterator[None]:
    """Let the system answer the opening or reading of these files, or of all, with an error."""
    plain = getattr(ChunkDisk, method)

    def fail(disk: ChunkDisk, path: Path, **more: bool) -> object:
        if not paths or path in paths:
            raise OSError(code, os.strerror(code))
        return plain(disk, path, **more)

    with monkeypatch.context() as patched:
        patched.setattr(ChunkDisk, method, fail)
        yield


def scrubbed(node: FileNode) -> set[str]:
    """Return what a node lists behind a scrub."""
    node.scrub.read_all()
    return listed(node)


def test_a_copy_that_the_scrub_cannot_read_is_none_until_it_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with node_in(tmp_path / "node") as node:
        complete(node)
        put(node, "a")
        put(node, "b")
        with unreadable(monkeypatch, path_of(node, "a"), method="read"):
            assert scrubbed(node) == {"b"}
            had = node.answer(m.Have(("a", "b")))
            assert isinstance(had, m.Present)
            assert had.entries.keys() == {"b"}
            assert node.answer(m.RestoreChunks(("a",))) == m.Moved((), ("a",))
        # The error was of the cable: nothing was taken from the disk.
        read = node.answer(m.Verify(("a",)))
        assert isinstance(read, m.Receipts)
        assert read.good == {"a": hash_of(b"data")}
        assert listed(node) == {"a", "b"}


@pytest.mark.parametrize("fault", ["marker", "permissions", "many"])
def test_a_disk_that_fails_as_a_whole_keeps_its_copies_in_its_list(
    node: FileNode, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    put(node, "a")
    code = errno.EACCES if fault == "permissions" else errno.EIO
    with monkeypatch.context() as patched, unreadable(monkeypatch, code=code, method="read"):
        if fault == "marker":
            patched.setattr(os, "pread", fail_to_read)
        for _ in range(EIO_LIMIT if fault == "many" else 0):
            node.driver.health.note(OSError(errno.EIO, "Input/output error"))
        assert scrubbed(node) == {"a"}


@pytest.mark.parametrize("keeps_another", [False, True])
def test_a_file_that_is_no_good_copy_is_not_brought_back(node: FileNode, keeps_another: bool) -> None:
    if keeps_another:
        put(node, "a")
        node.answer(m.TrashChunks(("a",), "garbage"))
    put(node, "a")
    os.truncate(path_of(node, "a"), 3)
    node.driver.run(walk())
    assert listed(node) == set()
    moved = node.answer(m.RestoreChunks(("a",)))
    assert moved == (m.Moved(("a",)) if keeps_another else m.Moved((), ("a",)))
    assert listed(node) == ({"a"} if keeps_another else set())
    assert not keeps_another or get(node, "a") == b"data"


@pytest.fixture
def crashed(tmp_path: Path) -> Path:
    """The folder of a node with ten chunks that was killed, and whose inventory is lost."""
    with node_in(tmp_path / "node") as node:
        for number in range(10):
            put(node, f"chunk{number}")
    # It was not complete, so the state is not clean.
    (tmp_path / "node" / INVENTORY).unlink()
    return tmp_path / "node"


ALL = {f"chunk{number}" for number in range(10)}


def test_a_walk_goes_on_behind_files_that_cannot_be_read(crashed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with node_in(crashed) as node:
        bad = [path_of(node, f"chunk{number}") for number in range(5)]
        with unreadable(monkeypatch, *bad):
            complete(node)
            assert listed(node) == ALL - {f"chunk{number}" for number in range(5)}
            assert get(node, "chunk9") == b"data"


def test_a_known_copy_that_cannot_be_read_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with node_in(tmp_path / "node") as node:
        put(node, "a")
        put(node, "b")
        # Behind a crash its size may be another.
        os.truncate(path_of(node, "a"), 3)
        with unreadable(monkeypatch, path_of(node, "a")):
            complete(node)
        assert listed(node) == {"b"}
        assert put(node, "a") == m.Stored(hash_of(b"data"), 4, created=True)


@pytest.mark.parametrize("code", [errno.EIO, errno.EACCES])
def test_a_disk_of_which_nothing_can_be_read_has_no_complete_inventory(
    crashed: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    with node_in(crashed) as node:
        with unreadable(monkeypatch, code=code), pytest.raises(DiskError):
            node.driver.run(walk())
        assert not node.driver.complete
        complete(node)
        assert listed(node) == ALL


@pytest.mark.parametrize("fault", ["marker", "files"])
def test_an_error_that_is_not_of_one_file_ends_the_walk(
    crashed: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    with node_in(crashed) as node:
        code = errno.EIO if fault == "marker" else errno.EMFILE
        with monkeypatch.context() as patched, unreadable(monkeypatch, path_of(node, "chunk1"), code=code):
            if fault == "marker":
                patched.setattr(os, "pread", fail_to_read)
            with pytest.raises(DiskError):
                node.driver.run(walk())
            with pytest.raises(DiskError):
                node.driver.complete_partition(partition_of("chunk1"))
        complete(node)
        assert listed(node) == ALL


@pytest.mark.parametrize("method", ["sizes_of", "open"])
def test_a_disk_that_goes_while_a_partition_is_compared_takes_nothing_from_the_inventory(
    node: FileNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    put(node, "a")
    plain = getattr(ChunkDisk, method)

    def vanish(disk: ChunkDisk, *arguments: object) -> object:
        if node.is_there():
            node.folder.root.rename(tmp_path / "unmounted")
        return plain(disk, *arguments)

    os.truncate(path_of(node, "a"), 3)
    with monkeypatch.context() as patched:
        patched.setattr(ChunkDisk, method, vanish)
        with pytest.raises(DiskError):
            node.driver.complete_partition(partition_of("a"))
    (tmp_path / "unmounted").rename(node.folder.root)
    assert listed(node) == {"a"}


def walk() -> Step[None]:
    yield WalkDisk()


def fail_to_read(*_: object) -> bytes:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_strange_names_beside_chunks_stop_nothing(crashed: Path) -> None:
    with node_in(crashed) as node:
        (crashed / "chunks" / "lost+found").mkdir()
        (crashed / "chunks" / ".DS_Store").write_text("x")
        (crashed / "chunks" / "-01").mkdir()
        (crashed / "chunks" / "f_f").mkdir()
        (crashed / "chunks" / "fff").write_text("no folder")
        (path_of(node, "chunk1").parent / "folder").mkdir()
        complete(node)
        assert listed(node) == ALL


def test_strange_folders_in_the_folders_of_a_node_stop_neither_start_nor_purge(node: FileNode) -> None:
    put(node, "a")
    node.answer(m.TrashChunks(("a",), "removed"))
    for folder in FOLDERS:
        (node.folder.root / folder / "folder").mkdir()
    assert node.disk.purge(TRASH, before=now_ms() + 1) == 1
    assert [path.name for path in (node.folder.root / TRASH).iterdir()] == ["folder"]
    node.close()
    with node_in(node.folder.root) as again:
        complete(again)


def test_a_node_looks_after_its_disk_behind_a_defect(crashed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_module, "CHECK_SECONDS", 0.01)
    failed = threading.Event()
    plain = ChunkDisk.partitions

    def fail_once(disk: ChunkDisk) -> list[int]:
        if failed.is_set():
            return plain(disk)
        failed.set()
        raise ValueError("a defect")

    monkeypatch.setattr(ChunkDisk, "partitions", fail_once)
    with node_in(crashed) as node:
        complete(node)
        assert failed.is_set()


def test_the_scrub_goes_on_behind_a_defect(node: FileNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrub, "IDLE_SECONDS", 0.01)
    failed, again = threading.Event(), threading.Event()

    def fail_once(_: int) -> list[object]:
        (again if failed.is_set() else failed).set()
        if again.is_set():
            return []
        raise ValueError("a defect")

    monkeypatch.setattr(node.inventory, "oldest", fail_once)
    node.start()
    assert again.wait(PATIENCE_SECONDS)
