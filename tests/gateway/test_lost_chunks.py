"""Bytes that the disk has lost or cut: never sent under their checksum, and stored again when they come again."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from files_service.domain.chunking import chunk_key
from files_service.gateway.limits import Limits
from storage_adapters.blobs.local import LocalBlobStore
from tests.cores import call, sqlite_core
from tests.gateway.addresses import url_of
from tests.gateway.serving import Served, serving
from tests.gateway.test_lost_bytes import cut_content, lost_files, remove_content, remove_description
from tests.gateway.test_rest_files import ANN, processed, send

CHUNK = 256 * 1024
CONTENT = random.Random(5).randbytes(3 * CHUNK + 17)
Damage = Callable[[Path], None]


def lose_all(content: Path) -> None:
    content.unlink()
    (content.parent / "info.json").unlink()
    content.parent.rmdir()


DAMAGES = pytest.mark.parametrize("damage", [remove_content, lose_all, remove_description, cut_content])


@pytest.fixture(params=[2**40, 1], ids=["by-loop", "by-thread"])
def served(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Served]:
    core = sqlite_core(tmp_path, chunk_bytes=CHUNK)
    with serving(core, Limits(socket_thread_bytes=request.param)) as served:
        yield served


def chunk_file(served: Served, index: int) -> Path:
    """The file of a chunk of the content."""
    object_id = hashlib.sha256(CONTENT[index * CHUNK : (index + 1) * CHUNK]).hexdigest()
    uploads, blobs = served.core.metadata, served.core.blobs
    assert isinstance(blobs, LocalBlobStore)
    [place] = uploads.reserve_chunks("ann", [object_id], now=served.core.clock())  # type: ignore[attr-defined]
    assert place.stored
    path: Path = blobs.local_path(chunk_key("ann", object_id, place.token))
    return path


@DAMAGES
@pytest.mark.parametrize("index", [0, 2, 3])
def test_a_chunk_without_its_bytes_is_stored_again_by_the_next_upload_of_them(
    served: Served, damage: Damage, index: int
) -> None:
    first = processed(served, CONTENT)["file_id"]
    damage(chunk_file(served, index))
    second = processed(served, CONTENT)["file_id"]
    for file_id in (first, second):
        reply = served.request("GET", f"/api/files/{file_id}/download", headers=ANN)
        assert (reply.status, reply.body) == (200, CONTENT)


def test_the_bytes_of_a_removed_file_are_not_lost(served: Served) -> None:
    file = processed(served, CONTENT)
    url = url_of(served, file)
    call(served.core, "files.remove", file_id=file["file_id"])
    reply = served.request("GET", url)
    assert reply.status in (404, 410)


@DAMAGES
def test_a_clone_for_another_owner_stores_again_what_that_owner_has_lost(served: Served, damage: Damage) -> None:
    file = processed(served, CONTENT)
    first = call(served.core, "files.clone", file_id=file["file_id"], owner="bob")
    object_id = hashlib.sha256(CONTENT[:CHUNK]).hexdigest()
    blobs, uploads = served.core.blobs, served.core.metadata
    assert isinstance(blobs, LocalBlobStore)
    [place] = uploads.reserve_chunks("bob", [object_id], now=served.core.clock())  # type: ignore[attr-defined]
    path = blobs.local_path(chunk_key("bob", object_id, place.token))
    if damage is cut_content:
        # A clone shares its bytes with the original on the disk.
        path.unlink()
        path.write_bytes(CONTENT[: CHUNK - 1])
    else:
        damage(path)
    again = processed(served, CONTENT)
    second = call(served.core, "files.clone", file_id=again["file_id"], owner="bob")
    for each in (first, second):
        call(served.core, "files.process", file_id=each["file_id"])
        reply = served.request("GET", url_of(served, each))
        assert (reply.status, reply.body) == (200, CONTENT)


@pytest.mark.parametrize("damage", [remove_content, lose_all, cut_content])
def test_a_deep_comparison_and_a_forced_processing_find_a_chunk_that_is_lost(served: Served, damage: Damage) -> None:
    core = served.core
    file_id = processed(served, CONTENT)["file_id"]
    assert lost_files(served) == []
    damage(chunk_file(served, 2))
    assert lost_files(served) == [file_id]
    file = call(core, "files.process", file_id=file_id, force=True)
    assert (file["status"], file["error"]["code"]) == ("failed", "part_missing")
    processed(served, CONTENT)
    assert lost_files(served) == []
    assert call(core, "files.process", file_id=file_id, force=True)["status"] == "processed"


def test_an_upload_of_the_same_bytes_does_not_write_them_again(served: Served) -> None:
    processed(served, CONTENT)
    before = [chunk_file(served, index).stat().st_ino for index in range(4)]
    assert send(served, CONTENT).status == 201
    assert [chunk_file(served, index).stat().st_ino for index in range(4)] == before
