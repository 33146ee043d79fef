"""Each copy of a blob on nodes is read by itself, so that a verdict on a card counts what it has read."""

from __future__ import annotations

import errno
import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from files_service.nodes.chunk_disk import ChunkDisk
from files_service.services.opening import open_core
from storage_adapters import BlobDamaged, BlobNotFound, StorageDenied, StorageUnavailable
from storage_adapters.blobs.nodes import NodesBlobStore
from tests.contract.blob_scenes import KEY, NOW, put, read
from tests.cores import settings_for
from tests.nodes.clusters import NodesInThreads, NodeThread
from tests.nodes.controller import SECRET
from tests.unit.cards.scenes import brought, copied, verified
from tests.unit.test_encryption import ring_text

LOST = {BlobNotFound, BlobDamaged}
CONTENT = random.Random(5).randbytes(9_000_000)


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[NodesInThreads]:
    with NodesInThreads(tmp_path, 3) as started:
        yield started


@pytest.fixture
def store(nodes: NodesInThreads) -> Iterator[NodesBlobStore]:
    with closing(nodes.open()) as opened:
        yield opened


def chunks_of(node: NodeThread) -> list[Path]:
    return sorted(path for path in (node.root / "chunks").rglob("*") if path.is_file())


def flip(path: Path) -> None:
    """Change the last byte of a chunk behind its node."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def outcomes(store: NodesBlobStore) -> list[bytes | type[BaseException]]:
    """What each copy answers."""
    found: list[bytes | type[BaseException]] = []
    for copy in store.copies():
        try:
            found.append(read(copy.store))
        except (BlobNotFound, StorageUnavailable) as error:
            found.append(type(error))
    return found


@pytest.mark.parametrize("content", [CONTENT[:99], CONTENT], ids=["one chunk", "pieces"])
def test_a_chunk_that_is_bad_or_gone_on_one_node_leaves_one_copy(
    nodes: NodesInThreads, store: NodesBlobStore, content: bytes
) -> None:
    put(store, KEY, content)
    assert outcomes(store) == [content, content]
    holder = next(node for node in nodes.nodes if chunks_of(node))
    flip(chunks_of(holder)[-1])
    for _ in ("its node puts it aside", "it is gone"):
        found = outcomes(store)
        assert content in found
        assert LOST & set(found)
    assert read(store) == content


def test_a_node_that_does_not_answer_says_nothing_about_its_copy(nodes: NodesInThreads, store: NodesBlobStore) -> None:
    put(store, KEY, CONTENT)
    next(node for node in nodes.nodes if chunks_of(node)).stop()
    assert StorageUnavailable in outcomes(store)
    assert read(store) == CONTENT


def test_a_copy_that_took_the_place_of_a_silent_one_is_not_counted_twice(
    nodes: NodesInThreads, store: NodesBlobStore
) -> None:
    put(store, KEY, CONTENT[:99])
    first, second = store.copies()
    silent = next(node for node in nodes.nodes if chunks_of(node))
    silent.stop()
    assert read(first.store) == CONTENT[:99]
    flip(chunks_of(silent)[0])
    silent.start()
    with pytest.raises(BlobNotFound):
        read(second.store)


def test_a_copy_that_its_node_did_not_read_proves_nothing(
    nodes: NodesInThreads, store: NodesBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, KEY, CONTENT)
    plain = ChunkDisk.read

    def fail(disk: ChunkDisk, path: Path, *, cold: bool = False) -> tuple[str, bytes, str]:
        if cold and disk.root == holder.root:
            raise OSError(errno.EMFILE, "too many open files")
        return plain(disk, path, cold=cold)

    holder = next(node for node in nodes.nodes if chunks_of(node))
    monkeypatch.setattr(ChunkDisk, "read", fail)
    # The bytes could be read: memory has them.
    assert StorageUnavailable in outcomes(store)
    assert read(store) == CONTENT


def test_copies_of_one_zone_are_one(tmp_path: Path) -> None:
    started = NodesInThreads(tmp_path, 2)
    started.nodes = [NodeThread(tmp_path / f"in{n}", started.controller.address, zone="rack") for n in range(2)]
    with started, closing(started.open()) as store:
        put(store, KEY, CONTENT)
        assert [(copy.domain, copy.store) for copy in store.copies()] == [("nodes", store)]


def test_one_copy_is_neither_written_nor_deleted(store: NodesBlobStore) -> None:
    put(store)
    for copy in store.copies():
        copy.store.ping()
        with pytest.raises(StorageDenied):
            copy.store.writer("other", content_type="a/b", now=NOW)
        with pytest.raises(StorageDenied):
            copy.store.delete(KEY)
        copy.store.close()
    assert len(outcomes(store)) == 2


@pytest.mark.parametrize("keys", ["", ring_text("a")], ids=["plain", "encrypted"])
def test_a_card_on_two_nodes_may_be_formatted_until_a_copy_is_damaged(
    nodes: NodesInThreads, tmp_path: Path, keys: str
) -> None:
    settings = settings_for(
        tmp_path / "data",
        FILES_METADATA_URL="memory://",
        FILES_BLOBS_URL=f"nodes://{nodes.controller.address}",
        FILES_NODES_SECRET=SECRET,
        FILES_ENCRYPTION_KEYS=keys,
    )
    with closing(open_core(settings)) as core:
        entries = [brought(core, "DCIM/A.MP4"), brought(core, "DCIM/B.MP4", chunked=True)]
        session_id = copied(core, entries)["session_id"]
        assert verified(core, session_id)["verdict"]["text"].startswith("SAFE TO FORMAT: 2 files, 600 B, 2 copies")
        flip(chunks_of(next(node for node in nodes.nodes if chunks_of(node)))[0])
        again = verified(core, session_id)["verdict"]
        assert (again["state"], again["reasons"][0]["code"]) == ("not_safe", "copy_damaged")
