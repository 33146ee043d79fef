"""The disk of one node: files that go, cannot be read or do not belong there, and writers at the same time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from files_service.nodes.node import FileNode
from storage_adapters.blobs.local import disk as files
from storage_adapters.blobs.nodes.protocol import messages as m
from storage_adapters.blobs.nodes.protocol.layout import partition_of
from tests.nodes.alone import get, node_in, path_of, put


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
