"""The scrub reads all bytes and finds what is missing, cut, rotten or unreadable; it marks that, and repairs it."""

from __future__ import annotations

import errno
import os
import random
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from files_service.core import Core
from files_service.errors import BytesLost
from files_service.services.scrub.examination import Whole, examine
from files_service.services.scrub.repair import repair_from
from files_service.services.scrub.walk import PART_COST, Cursor, Walk
from storage_adapters import SupportsChanges
from tests.cores import (
    announced,
    call,
    meanwhile,
    pending_file,
    processed_file,
    put_parts,
    refusal,
    sqlite_core,
)
from tests.unit.lost_bytes import Damage, chunked_file, cut, marks, paths, remove, rot, scrub

CHUNK = 4_096
CONTENT = random.Random(14).randbytes(3 * CHUNK + 5)
DAMAGES = pytest.mark.parametrize(("damage", "reason"), [(remove, "missing"), (cut, "cut"), (rot, "rotten")])


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    with closing(sqlite_core(tmp_path, chunk_bytes=CHUNK)) as core:
        yield core


def is_lost(core: Core, file_id: str) -> bool:
    """True when an address of the file is refused for its lost bytes."""
    if not call(core, "files.info", file_id=file_id)["lost_parts"]:
        assert len(call(core, "files.download", file_id=file_id)["urls"]) == 1
        return False
    assert isinstance(refusal(core, "files.download", file_id=file_id), BytesLost)
    assert isinstance(refusal(core, "files.clone", file_id=file_id, owner="ann"), BytesLost)
    return True


def test_what_is_whole_costs_one_write_for_a_checksum_that_was_not_known(core: Core) -> None:
    contents = {CONTENT: chunked_file(core, CONTENT), CONTENT[:-1]: processed_file(core, CONTENT[:-1])}
    contents[b""] = processed_file(core, b"")
    events = announced(core)
    assert scrub(core) == []
    for content, record in contents.items():
        [part] = core.metadata.get(record["file_id"]).parts
        assert (part.crc32, record["lost_parts"]) == (f"{zlib.crc32(content):08x}", [])
    assert isinstance(core.metadata, SupportsChanges)
    before = core.metadata.changes(after="", limit=1_000)
    assert scrub(core) == []
    assert core.metadata.changes(after="", limit=1_000) == before
    assert announced(core) == events


def test_a_scrub_that_was_interrupted_notes_no_checksum_of_a_part(core: Core) -> None:
    file_id = chunked_file(core, CONTENT)["file_id"]
    part = replace(core.metadata.get(file_id).parts[0], crc32=None)
    assert [step for step in examine(core, part, offset=CHUNK) if isinstance(step, Whole)] == [Whole(part.generation)]
    [whole] = [step for step in examine(core, part) if isinstance(step, Whole)]
    assert whole.crc32 == f"{zlib.crc32(CONTENT):08x}"


@DAMAGES
@pytest.mark.parametrize("index", [0, 2])
def test_a_lost_chunk_is_found_marked_and_announced_once(core: Core, damage: Damage, reason: str, index: int) -> None:
    record, other = chunked_file(core, CONTENT), chunked_file(core, CONTENT[::-1])
    damage(paths(core, record)[index])
    file_id = record["file_id"]
    assert scrub(core) == [(file_id, "p0", reason, index * CHUNK)]
    again = scrub(core)
    assert [each[0] for each in again] == [file_id]
    assert announced(core, file_id).count("lost") == 1
    assert marks(core) == [(file_id, reason)]
    assert call(core, "files.info", file_id=file_id)["lost_parts"] == ["p0"]
    assert (is_lost(core, file_id), is_lost(core, other["file_id"])) == (True, False)


@DAMAGES
def test_a_lost_blob_is_found_marked_and_announced_once(core: Core, damage: Damage, reason: str) -> None:
    record = processed_file(core, CONTENT, b"another part")
    damage(paths(core, record)[0])
    for _ in range(2):
        assert [each[:3] for each in scrub(core)] == [(record["file_id"], "p0", reason)]
    assert announced(core, record["file_id"]).count("lost") == 1
    assert isinstance(refusal(core, "files.download", file_id=record["file_id"]), BytesLost)
    assert call(core, "files.download", file_id=record["file_id"], parts=["p1"])["urls"]


@pytest.mark.parametrize("make", [chunked_file, processed_file])
def test_bytes_that_the_disk_cannot_read_are_lost_while_the_rest_is_read(
    core: Core, make: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(make)
    record, other = make(core, CONTENT), make(core, CONTENT[::-1])
    damaged, pread = str(paths(core, record)[0]), os.pread

    def fail(descriptor: int, *place: int) -> bytes:
        if str(Path(f"/proc/self/fd/{descriptor}").readlink()) == damaged:
            raise OSError(errno.EIO, "bad sector")
        return pread(descriptor, *place)

    monkeypatch.setattr(os, "pread", fail)
    rot(paths(core, other)[0])
    assert scrub(core) == [(record["file_id"], "p0", "unreadable", 0), (other["file_id"], "p0", "rotten", 0)]


def test_every_file_of_a_shared_chunk_is_marked(core: Core) -> None:
    first, second = chunked_file(core, CONTENT), chunked_file(core, CONTENT + b"more")
    rot(paths(core, first)[1])
    assert scrub(core) == [
        (first["file_id"], "p0", "rotten", CHUNK),
        (second["file_id"], "p0", "missing", CHUNK),
    ]


def test_only_the_files_of_an_owner_are_read(core: Core) -> None:
    mine, other = chunked_file(core, CONTENT), chunked_file(core, CONTENT, owner="bob")
    for record in (mine, other):
        rot(paths(core, record)[0])
    assert [each[0] for each in scrub(core, owner="bob")] == [other["file_id"]]


@pytest.mark.parametrize("damage", [remove, cut, rot])
@pytest.mark.parametrize("again", [chunked_file, processed_file])
@pytest.mark.parametrize("first", [chunked_file, processed_file])
def test_the_same_bytes_repair_a_part_whichever_way_they_come(
    core: Core, damage: Damage, first: object, again: object
) -> None:
    assert callable(first)
    assert callable(again)
    record = first(core, CONTENT)
    damage(paths(core, record)[0])
    scrub(core)
    assert is_lost(core, record["file_id"])
    brought = again(core, CONTENT)
    for _ in repair_from(core, brought["file_id"]):
        pass
    assert not is_lost(core, record["file_id"])
    assert announced(core, record["file_id"])[-1] == "repaired"
    assert b"".join(path.read_bytes() for path in paths(core, record)) == CONTENT
    assert (scrub(core), marks(core)) == ([], [])


def test_other_bytes_and_another_owners_repair_nothing(core: Core) -> None:
    record = processed_file(core, CONTENT)
    remove(paths(core, record)[0])
    scrub(core)
    for brought in (processed_file(core, CONTENT[::-1]), processed_file(core, CONTENT, owner="bob")):
        assert list(repair_from(core, brought["file_id"])) == []
    assert is_lost(core, record["file_id"])


def test_a_file_that_is_rotten_itself_repairs_nothing(core: Core) -> None:
    record, brought = processed_file(core, CONTENT), processed_file(core, CONTENT)
    for each in (record, brought):
        rot(paths(core, each)[0])
    scrub(core)
    for _ in repair_from(core, brought["file_id"]):
        pass
    assert is_lost(core, record["file_id"])
    # Bad bytes are better than none.
    assert len(paths(core, record)[0].read_bytes()) == len(CONTENT)


@pytest.mark.parametrize("make", [chunked_file, processed_file])
def test_bytes_that_come_back_by_themselves_take_the_mark_away(core: Core, make: object) -> None:
    assert callable(make)
    record = make(core, CONTENT)
    path = paths(core, record)[0]
    data = path.read_bytes()
    remove(path)
    assert scrub(core)
    path.write_bytes(data)
    assert (scrub(core), is_lost(core, record["file_id"]), marks(core)) == ([], False, [])


def test_a_blob_that_a_backup_brings_back_under_another_generation_is_taken_over(core: Core) -> None:
    record = processed_file(core, CONTENT)
    key = record["parts"][0]["key"]
    core.blobs.delete(key)
    assert scrub(core)
    core.blobs.put(key, [CONTENT], content_type="a/b", now=core.clock())
    assert (scrub(core), is_lost(core, record["file_id"])) == ([], False)
    assert (
        call(core, "files.info", file_id=record["file_id"])["parts"][0]["generation"] == core.blobs.head(key).generation
    )


def test_bad_bytes_are_kept_aside_until_the_part_is_repaired(core: Core, tmp_path: Path) -> None:
    record = chunked_file(core, CONTENT)
    path = paths(core, record)[0]
    rot(path)
    bad = path.read_bytes()
    scrub(core)
    assert not path.exists()
    [aside] = [each for each in tmp_path.rglob("content") if "rotten" in each.parts]
    assert aside.read_bytes() == bad
    for _ in repair_from(core, chunked_file(core, CONTENT)["file_id"]):
        pass
    assert not aside.exists()


def test_a_chunk_that_is_stored_again_while_it_is_moved_aside_stays(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = chunked_file(core, CONTENT)
    path = paths(core, record)[0]
    rot(path)
    key = str(path.parent.relative_to(path.parents[4])).removesuffix(".blob")

    def store_again() -> None:
        core.blobs.delete(key)
        core.blobs.put(key, [CONTENT[:CHUNK]], content_type="a/b", now=core.clock())

    meanwhile(monkeypatch, core.blobs, "copy", store_again)
    scrub(core)
    assert path.read_bytes() == CONTENT[:CHUNK]


@pytest.mark.parametrize("make", [chunked_file, processed_file])
def test_a_file_that_is_removed_while_it_is_read_is_no_loss(
    core: Core, make: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(make)
    record = make(core, CONTENT)
    remove(paths(core, record)[0])
    meanwhile(monkeypatch, core.metadata, "find", lambda: call(core, "files.remove", file_id=record["file_id"]))
    assert (scrub(core), marks(core)) == ([], [])


def test_an_upload_that_is_not_finished_is_no_loss(core: Core) -> None:
    record = pending_file(core, b"one", b"two")
    assert scrub(core) == []
    put_parts(core, record, [b"one", b"two"])
    assert scrub(core) == []


def test_a_walk_goes_on_in_the_middle_of_a_part(core: Core) -> None:
    first, second = chunked_file(core, CONTENT), chunked_file(core, CONTENT[::-1])
    walk = Walk(core)
    steps = walk.steps()
    cost = 0
    while walk.cursor.offset < 2 * CHUNK:
        cost += next(steps)
    assert walk.cursor == Cursor(None, first["file_id"], f"{first['file_id']}-p0", 2 * CHUNK)
    rest = sum(Walk(core, cursor=walk.cursor).steps())
    assert rest == 2 * PART_COST + len(CONTENT) - 2 * CHUNK + len(CONTENT)
    damaged = paths(core, first)
    remove(damaged[0])
    remove(damaged[3])
    assert scrub(core, cursor=walk.cursor) == [(first["file_id"], "p0", "missing", 3 * CHUNK)]
    assert scrub(core, cursor=Cursor(file_id=second["file_id"])) != []


def test_a_deep_comparison_marks_what_is_lost_and_takes_marks_away(core: Core) -> None:
    record = chunked_file(core, CONTENT)
    path = paths(core, record)[1]
    rot(path)

    def lost(**params: object) -> list[str]:
        found: list[str] = []
        cursor = None
        while True:
            report = call(core, "files.sync", deep=True, cursor=cursor, **params)
            found += report["lost"]
            cursor = report["next_cursor"]
            if cursor is None:
                return found

    assert lost() == []
    scrub(core)
    assert (lost(dry_run=True), lost()) == ([record["file_id"]],) * 2
    other = chunked_file(core, CONTENT)
    # Whole again, and a comparison that changes nothing leaves the mark.
    assert (lost(dry_run=True), is_lost(core, record["file_id"])) == ([], True)
    assert (lost(), is_lost(core, record["file_id"]), marks(core)) == ([], False, [])
    remove(path)
    both = [record["file_id"], other["file_id"]]
    assert (lost(dry_run=True), marks(core)) == (both, [])
    assert (lost(), sorted(marks(core))) == (both, [(file_id, "missing") for file_id in both])


def test_a_rotten_blob_stays_lost_for_a_comparison_that_does_not_read_it(core: Core) -> None:
    record = processed_file(core, CONTENT)
    rot(paths(core, record)[0])
    scrub(core)
    report = call(core, "files.sync", deep=True)
    while report["next_cursor"]:
        report = call(core, "files.sync", deep=True, cursor=report["next_cursor"])
    assert report["lost"] == [record["file_id"]]
    assert is_lost(core, record["file_id"])
