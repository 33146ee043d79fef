"""Bytes that come twice: the same ones are acknowledged, others are refused, however the slices lie."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from files_service.core import Core
from files_service.errors import BytesLost
from files_service.services.uploads.chunk_store import ChunkStore
from files_service.services.uploads.quota import uploads_of
from files_service.services.uploads.session import Beginning, begin
from files_service.services.uploads.writer import Engine, Stream
from storage_adapters import Upload, UploadConflict
from tests.cores import sqlite_core

STORED = bytes(range(10))
PLACE = 2


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    with closing(sqlite_core(tmp_path)) as core:
        yield core


@pytest.fixture
def upload(core: Core) -> Upload:
    """An upload of 20 bytes that has those from 2 to 12."""
    upload = begin(core, Beginning(owner="ann", size=20))
    return ChunkStore(core, uploads_of(core)).take(upload, PLACE, memoryview(STORED))[1].upload


# Within what is stored, over its beginning, over its end, around it, exactly it.
PLACES = [(5, 3), (0, 4), (10, 6), (0, 20), (PLACE, len(STORED))]


def at(offset: int, length: int) -> bytearray:
    whole = bytearray(b"z" * 20)
    whole[PLACE : PLACE + len(STORED)] = STORED
    return whole[offset : offset + length]


@pytest.mark.parametrize(("offset", "length"), PLACES)
def test_other_bytes_at_a_stored_place_are_refused_and_nothing_is_stored(
    core: Core, upload: Upload, offset: int, length: int
) -> None:
    store = ChunkStore(core, uploads_of(core))
    data = at(offset, length)
    data[max(PLACE - offset, 0)] ^= 1
    with pytest.raises(UploadConflict, match="other bytes"):
        store.take(upload, offset, memoryview(data))
    assert store.arrived(upload).as_list() == [(PLACE, PLACE + len(STORED))]


@pytest.mark.parametrize(("offset", "length"), PLACES)
def test_the_same_bytes_are_acknowledged_and_fill_the_gaps(
    core: Core, upload: Upload, offset: int, length: int
) -> None:
    store = ChunkStore(core, uploads_of(core))
    store.take(upload, offset, memoryview(at(offset, length)))
    end = max(PLACE + len(STORED), offset + length)
    assert store.arrived(upload).as_list() == [(min(PLACE, offset), end)]


@pytest.mark.parametrize("changed", [True, False])
def test_a_sender_in_order_meets_the_bytes_of_another(core: Core, upload: Upload, changed: bool) -> None:
    data = at(0, 20)
    data[7] ^= changed
    with closing(Engine(core, uploads_of(core))) as engine:
        stream = Stream(engine, upload, 0)
        stream.write(data)
        if changed:
            with pytest.raises(UploadConflict, match="other bytes are stored at offset 2"):
                stream.finish()
        else:
            assert stream.finish().contiguous == 20


def test_a_sender_that_knew_nothing_of_another_meets_its_bytes(core: Core) -> None:
    upload = begin(core, Beginning(owner="ann", size=20))
    store = ChunkStore(core, uploads_of(core))
    with closing(Engine(core, uploads_of(core))) as engine:
        stream = Stream(engine, upload, 0)
        store.take(upload, PLACE, memoryview(STORED))
        stream.write(bytes(20))
        with pytest.raises(UploadConflict, match="other bytes"):
            stream.finish()


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize(("offset", "length"), [(PLACE, len(STORED)), (0, 20)])
def test_a_slice_that_comes_again_over_a_lost_chunk_of_its_upload_repairs_it(
    core: Core, upload: Upload, tmp_path: Path, offset: int, length: int, cut: bool
) -> None:
    [path] = tmp_path.rglob("content")
    path.write_bytes(STORED[:3]) if cut else path.unlink()
    ChunkStore(core, uploads_of(core)).take(upload, offset, memoryview(at(offset, length)))
    assert path.read_bytes() == STORED


@pytest.mark.parametrize("cut", [False, True])
def test_a_part_of_a_lost_chunk_is_neither_acknowledged_nor_called_other_bytes(
    core: Core, upload: Upload, tmp_path: Path, cut: bool
) -> None:
    [path] = tmp_path.rglob("content")
    path.write_bytes(STORED[:3]) if cut else path.unlink()
    with pytest.raises(BytesLost):
        ChunkStore(core, uploads_of(core)).take(upload, PLACE + 1, memoryview(at(PLACE + 1, 5)))
