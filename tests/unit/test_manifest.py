"""files.manifest."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from files_service.core import Core
from files_service.domain.chunking import upload_id_of
from files_service.errors import BadRequest
from files_service.services.uploads.manifests import MOST_CHUNKS, PAGE_CHUNKS
from storage_adapters import Chunk, SupportsUploads, Upload
from tests.cores import call, pending_file, processed_file, put_parts


def chunked_upload(core: Core, chunks: int) -> str:
    """Begin an upload and name so many chunks of a byte in it; returns the id of its file."""
    file = pending_file(core, b"x" * chunks)
    assert isinstance(core.metadata, SupportsUploads)
    upload_id, later = upload_id_of(file["file_id"], "p0"), core.clock() + 60_000
    upload = Upload(
        upload_id=upload_id, owner="ann", size=chunks, chunk_size=4, created_at=core.clock(), expires_at=later
    )
    core.metadata.create_upload(upload)
    [place] = core.metadata.reserve_chunks("ann", [hashlib.sha256(b"x").hexdigest()], now=core.clock())
    named = [Chunk(offset=at, size=1, object_id=place.object_id, token=place.token) for at in range(chunks)]
    core.metadata.append_chunks(upload_id, named, expires_at=later)
    return str(file["file_id"])


def pages(core: Core, file_id: str, **params: Any) -> list[Any]:
    """All pages of a manifest."""
    found = [call(core, "files.manifest", file_id=file_id, **params)]
    while "next_start" in found[-1]:
        found.append(call(core, "files.manifest", file_id=file_id, **{**params, "start": found[-1]["next_start"]}))
    return found


def test_a_manifest_names_the_chunks_in_their_places(core: Core) -> None:
    contents = [b"one", b"", b"three"]
    file = processed_file(core, *contents, access="public")
    assert call(core, "files.manifest", file_id=file["file_id"], actor="sam") == {
        "_id": file["file_id"],
        "user_id": "ann",
        "name": "clip.bin",
        "size": 8,
        "mime_type": file["content_type"],
        "upload_size": 8,
        "upload_end": file["uploaded_at"],
        "chunks": [
            {"object_id": hashlib.sha256(content).hexdigest(), "slice_start": start, "size": len(content)}
            for content, start in zip(contents, (0, 3, 3), strict=True)
        ],
    }


def test_a_part_that_is_missing_leaves_its_place_open(core: Core) -> None:
    file = pending_file(core, b"one", b"three")
    put_parts(core, file, [b"one", b"three"])
    call(core, "files.finish", file_id=file["file_id"], part_id="p1")
    manifest = call(core, "files.manifest", file_id=file["file_id"])
    assert [(chunk["slice_start"], chunk["size"]) for chunk in manifest["chunks"]] == [(3, 5)]
    assert (manifest["size"], manifest["upload_size"], manifest["upload_end"]) == (8, 5, None)


def test_a_long_manifest_comes_in_pages(core: Core) -> None:
    file_id = chunked_upload(core, 2 * PAGE_CHUNKS + 5)
    found = pages(core, file_id)
    assert [len(page["chunks"]) for page in found] == [PAGE_CHUNKS, PAGE_CHUNKS, 5]
    assert {page["upload_size"] for page in found} == {2 * PAGE_CHUNKS + 5}
    starts = [chunk["slice_start"] for page in found for chunk in page["chunks"]]
    assert starts == list(range(2 * PAGE_CHUNKS + 5))
    assert len(pages(core, file_id, limit=MOST_CHUNKS)) == 1
    [last] = pages(core, file_id, start=2 * PAGE_CHUNKS + 4)
    assert [chunk["slice_start"] for chunk in last["chunks"]] == [2 * PAGE_CHUNKS + 4]


def test_a_page_reads_no_more_than_it_shows(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id, read = chunked_upload(core, 5_000), []
    assert isinstance(core.metadata, SupportsUploads)
    list_chunks = core.metadata.list_chunks

    def counting(*args: Any, **options: Any) -> list[Chunk]:
        read.extend(found := list_chunks(*args, **options))
        return found

    monkeypatch.setattr(core.metadata, "list_chunks", counting)
    call(core, "files.manifest", file_id=file_id, start=1_000)
    assert len(read) <= 2 * PAGE_CHUNKS


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_of_parts_have_every_chunk_once(core: Core, limit: int) -> None:
    contents = [b"", b"one", b"", b"", b"three", b"six", b""]
    file = processed_file(core, *contents)
    whole = call(core, "files.manifest", file_id=file["file_id"])
    assert [chunk["size"] for chunk in whole["chunks"]] == [len(content) for content in contents]
    found = pages(core, file["file_id"], limit=limit)
    assert [chunk for page in found for chunk in page["chunks"]] == whole["chunks"]
    assert len(found) == -(-3 // limit)


def test_a_page_begins_with_the_chunk_that_holds_its_start(core: Core) -> None:
    file = processed_file(core, b"one", b"three")
    for start, shown in ((0, [0, 3]), (2, [0, 3]), (3, [3]), (7, [3]), (8, []), (2**53, [])):
        page = call(core, "files.manifest", file_id=file["file_id"], start=start)
        assert [chunk["slice_start"] for chunk in page["chunks"]] == shown


@pytest.mark.parametrize("wrong", [{"start": -1}, {"start": 2**53 + 1}, {"limit": 0}, {"limit": MOST_CHUNKS + 1}])
def test_a_page_beyond_all_bounds_is_refused(core: Core, wrong: dict[str, int]) -> None:
    file = processed_file(core, b"one")
    with pytest.raises(BadRequest) as refused:
        call(core, "files.manifest", file_id=file["file_id"], **wrong)
    assert set(refused.value.details["fields"]) == set(wrong)
