"""Bytes that a fault of the disk took: repaired by the next upload of the same bytes, and never served as if whole."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from files_service.domain.chunking import CHUNKS
from files_service.services.content import chunk_slices
from tests.cores import memory_core, sqlite_core
from tests.gateway.serving import Served, serving
from tests.gateway.tus import content_of, file_id_of, made, patch

CONTENT = os.urandom(300_000)


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Served]:
    with serving(sqlite_core(tmp_path)) as served:
        yield served


def upload(served: Served, content: bytes = CONTENT) -> str:
    url = made(served, len(content))
    assert patch(served, url, 0, content).status == 204
    return url


def chunk_files(root: Path) -> list[Path]:
    return [path for path in root.rglob("content") if CHUNKS in path.parts]


def remove_content(path: Path) -> None:
    path.unlink()


def cut_content(path: Path) -> None:
    os.truncate(path, 1_000)


def remove_description(path: Path) -> None:
    (path.parent / "info.json").unlink()


FAULTS = [remove_content, cut_content, remove_description]


@pytest.mark.parametrize("fault", FAULTS)
def test_the_next_upload_of_the_same_bytes_repairs_a_chunk(
    local: Served, tmp_path: Path, fault: Callable[[Path], None]
) -> None:
    first = upload(local)
    [path] = chunk_files(tmp_path)
    fault(path)
    second = upload(local)
    assert content_of(local, second) == CONTENT
    assert content_of(local, first) == CONTENT


def test_a_blob_that_the_store_lost_is_stored_again(tmp_path: Path) -> None:
    with serving(memory_core(tmp_path)) as served:
        first = upload(served)
        part = served.core.metadata.get(file_id_of(first)).parts[0]
        for key, _, _ in chunk_slices(served.core, part, 0, part.size):
            served.core.blobs.delete(key)
        assert content_of(served, upload(served)) == CONTENT
        assert content_of(served, first) == CONTENT
