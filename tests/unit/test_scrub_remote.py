"""The scrub of stores whose bytes are no files of this machine: memory, and Cloud Storage by its documentation."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from files_service.core import Core
from files_service.domain.chunking import manifest_of
from files_service.services.content import chunk_slices
from files_service.services.scrub.repair import repair_from
from files_service.services.scrub.walk import Walk
from storage_adapters import JSON, StorageUnavailable
from storage_adapters.blobs.memory import MemoryBlobStore
from tests.adapters.gcs_buckets import open_store, running_fake
from tests.cores import memory_core, processed_file
from tests.fakes.gcs import FakeGcs
from tests.unit.lost_bytes import chunked_file, marks, rot, scrub

CONTENT = random.Random(16).randbytes(10_000)
Rot = Callable[[str], None]


@pytest.fixture(params=["memory", "gcs"])
def damaged(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Core, Rot]]:
    """A core, and what changes a bit of a blob without a trace."""
    with closing(memory_core(tmp_path, chunk_bytes=4_096)) as core:
        if request.param == "memory":
            blobs = core.blobs
            assert isinstance(blobs, MemoryBlobStore)

            def flip(key: str) -> None:
                info, content = blobs._blobs[key]
                blobs._blobs[key] = info, bytes([content[0] ^ 1]) + content[1:]

            yield core, flip
            return
        with running_fake() as fake, closing(open_store("gs://files", fake.url)) as store:
            yield replace(core, blobs=store), lambda key: rot(fake.objects.get("files", key).content)


def keys(core: Core, record: JSON) -> list[str]:
    part = core.metadata.get(record["file_id"]).parts[0]
    if manifest_of(part) is None:
        return [part.key]
    return [key for key, _, _ in chunk_slices(core, part, 0, part.size)]


@pytest.mark.parametrize("make", [chunked_file, processed_file])
@pytest.mark.parametrize("missing", [False, True])
def test_lost_bytes_are_found_and_repaired(
    damaged: tuple[Core, Rot], make: Callable[[Core, bytes], JSON], missing: bool
) -> None:
    core, flip = damaged
    record, other = make(core, CONTENT), make(core, CONTENT[::-1])
    assert scrub(core) == []
    key = keys(core, record)[0]
    if missing:
        core.blobs.delete(key)
    else:
        flip(key)
    reason = "missing" if missing else "rotten"
    assert scrub(core) == [(record["file_id"], "p0", reason, 0)]
    assert marks(core) == [(record["file_id"], reason)]
    for _ in repair_from(core, make(core, CONTENT)["file_id"]):
        pass
    assert (marks(core), scrub(core)) == ([], [])
    assert other["lost_parts"] == []


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[tuple[Core, FakeGcs]]:
    """A core whose blobs are in a bucket, and the server of the bucket."""
    with (
        closing(memory_core(tmp_path, chunk_bytes=4_096)) as opened,
        running_fake() as fake,
        closing(open_store("gs://files", fake.url)) as store,
    ):
        yield replace(opened, blobs=store), fake


@pytest.mark.parametrize("make", [chunked_file, processed_file])
def test_an_object_that_is_denied_is_left_out_and_is_no_loss(
    bucket: tuple[Core, FakeGcs], make: Callable[[Core, bytes], JSON]
) -> None:
    core, fake = bucket
    record, other = make(core, CONTENT), make(core, CONTENT[::-1])
    denied = record["file_id"] if make is processed_file else keys(core, record)[1].rpartition("/")[2]
    fake.faults.fail(403, times=1_000, method="GET", part_of_path=denied)
    core.blobs.delete(keys(core, other)[0])
    walk = Walk(core)
    for _ in walk.steps():
        pass
    assert (marks(core), walk.unread, walk.files) == ([(other["file_id"], "missing")], 1, 2)


def test_an_object_that_always_fails_is_left_out_at_the_third_attempt(bucket: tuple[Core, FakeGcs]) -> None:
    core, fake = bucket
    records = [processed_file(core, CONTENT, CONTENT[1:]), processed_file(core, CONTENT[2:])]
    bad = [keys(core, record)[0] for record in records]
    fake.faults.fail(400, times=1_000, method="GET", part_of_path=records[0]["file_id"])
    core.blobs.delete(bad[1])
    walk = Walk(core)
    failures = 0
    while True:
        try:
            for _ in walk.steps():
                pass
            break
        except StorageUnavailable:
            failures += 1
            assert failures < 10
    # Both parts of the first file fail three times each, and the last failure of each is passed over.
    assert (failures, walk.unread, walk.files) == (4, 2, 2)
    assert marks(core) == [(records[1]["file_id"], "missing")]


def test_a_store_that_does_not_answer_has_lost_nothing(tmp_path: Path) -> None:
    with (
        closing(memory_core(tmp_path)) as opened,
        running_fake() as fake,
        closing(open_store("gs://files", fake.url)) as store,
    ):
        core = replace(opened, blobs=store)
        processed_file(core, CONTENT)
        fake.faults.fail(403, times=1_000, method="GET")
        with pytest.raises(StorageUnavailable):
            list(Walk(core).steps())
        assert marks(core) == []
        fake.faults.clear()
        assert scrub(core) == []
