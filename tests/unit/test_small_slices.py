"""Many tiny slices cost files and records: they are refused, and so are blobs when inodes run out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from files_service.core import Core
from files_service.errors import BadRequest
from files_service.services.uploads.chunk_store import AVERAGE_BYTES, MANY_CHUNKS, ChunkStore
from files_service.services.uploads.quota import uploads_of
from files_service.services.uploads.session import Beginning, begin
from storage_adapters.blobs.local.disk import free_bytes_of
from tests.cores import memory_core


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    opened = memory_core(tmp_path)
    yield opened
    opened.close()


def test_ten_thousand_slices_of_four_bytes_are_refused_early(core: Core) -> None:
    upload = begin(core, Beginning(owner="ann", size=40_000))
    chunks = ChunkStore(core, uploads_of(core))
    for place in range(0, 4 * MANY_CHUNKS, 4):
        upload = chunks.take(upload, place, memoryview(place.to_bytes(4, "big")))[1].upload
    for place in range(4 * MANY_CHUNKS, 39_996, 400):
        with pytest.raises(BadRequest, match="at least 4096 bytes"):
            chunks.take(upload, place, memoryview(place.to_bytes(4, "big")))
    assert uploads_of(core).get_upload(upload.upload_id).chunks == MANY_CHUNKS


def test_larger_slices_and_the_last_one_go_on_and_pay_for_small_ones(core: Core) -> None:
    small = 4 * MANY_CHUNKS
    upload = begin(core, Beginning(owner="ann", size=small + AVERAGE_BYTES + 7))
    chunks = ChunkStore(core, uploads_of(core))
    for place in range(0, small, 4):
        upload = chunks.take(upload, place, memoryview(place.to_bytes(4, "big")))[1].upload
    chunks.take(upload, small, memoryview(bytes(AVERAGE_BYTES)))
    assert chunks.take(upload, small + AVERAGE_BYTES, memoryview(b"the end"))[1].upload.complete


@pytest.mark.parametrize(
    ("inodes", "left", "free"),
    [(1_000_000, 500_000, 4_096_000), (1_000_000, 9_999, 0), (200, 100, 4_096_000), (200, 5, 0), (0, 0, 4_096_000)],
)
def test_a_disk_without_inodes_has_no_free_space(inodes: int, left: int, free: int) -> None:
    found = os.statvfs_result((4_096, 4_096, 2_000, 1_000, 1_000, inodes, left, left, 0, 255))
    assert free_bytes_of(found) == free


def test_the_disk_of_this_folder_reports_space(tmp_path: Path) -> None:
    assert free_bytes_of(os.statvfs(tmp_path)) >= 0
