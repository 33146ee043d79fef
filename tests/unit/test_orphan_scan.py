"""Blobs that no record names and records whose bytes are missing; and how seldom an old upload is asked for."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from files_service.core import Core
from files_service.domain.chunking import chunk_key
from files_service.domain.uploads import is_due, part_key
from files_service.services import reconcile as reconciliation
from files_service.services.chunk_orphans import remember_domain
from files_service.services.files import require
from files_service.worker import sweeper as sweeper_module
from files_service.worker.sweeper import SEARCHES, Sweeper
from storage_adapters import JSON, BlobNotFound, Document, SupportsDocuments
from storage_adapters.blobs.local import LocalBlobStore
from tests.clocks import START, Clock
from tests.cores import call, memory_core, pending_file, processed_file, put_parts, sqlite_core

DAY = 86_400
KEPT = 7 * DAY
NOBODY = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=[memory_core, sqlite_core])
def core(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Core]:
    opened = request.param(tmp_path, upload_ttl_seconds=3_600, orphan_seconds=KEPT)
    yield replace(opened, clock=clock, timer=clock)
    opened.close()


def deep(core: Core, **params: Any) -> JSON:
    """What a comparison of everything finds, over as many calls as it takes."""
    found: JSON = {"orphans": [], "unnamed": [], "lost": []}
    cursor = None
    for _ in range(100):
        report = call(core, "files.sync", deep=True, cursor=cursor, **params)
        assert report["errors"] == []
        for kind in found:
            found[kind] += report[kind]
        cursor = report["next_cursor"]
        if cursor is None:
            return {kind: sorted(keys) for kind, keys in found.items() if keys}
    raise AssertionError("it does not end")


def put(core: Core, key: str) -> str:
    core.blobs.put(key, [b"content"], content_type="a/b", now=core.clock())
    return key


def is_stored(core: Core, key: str) -> bool:
    try:
        core.blobs.head(key)
    except BlobNotFound:
        return False
    return True


def test_what_records_name_is_left_alone(core: Core, clock: Clock) -> None:
    processed_file(core, b"one", b"two")
    put_parts(core, pending_file(core, ttl_seconds=DAY), [b"content"])
    clock.pass_seconds(KEPT + DAY)
    assert deep(core) == {}


def test_an_orphan_is_deleted_when_it_was_one_for_long(core: Core, clock: Clock) -> None:
    orphan = put(core, part_key("ann", NOBODY, "p0"))
    clock.pass_seconds(KEPT - 1)
    assert deep(core) == {}
    clock.pass_seconds(1)
    assert deep(core, dry_run=True) == {"orphans": [orphan]}
    assert is_stored(core, orphan)
    assert deep(core, owner="bob") == {}
    assert deep(core, owner="ann") == {"orphans": [orphan]}
    assert not is_stored(core, orphan)
    assert deep(core) == {}


def damage(core: Core, key: str, how: str, stored_at: int = START) -> str:
    """Let a blob on disk be one that cannot be described, stored at this time."""
    assert isinstance(core.blobs, LocalBlobStore)
    folder = core.blobs.root / f"blobs/{key}.blob"
    if how == "description":
        (folder / "info.json").write_bytes(b"")
    else:
        (folder / how).unlink()
    for path in (*folder.iterdir(), folder):
        os.utime(path, ns=(stored_at * 10**6, stored_at * 10**6))
    return key


@pytest.mark.parametrize("how", ["description", "info.json", "content"])
def test_an_orphan_that_cannot_be_described_is_told_and_deleted(tmp_path: Path, clock: Clock, how: str) -> None:
    core = replace(sqlite_core(tmp_path, orphan_seconds=KEPT), clock=clock, timer=clock)
    listed = put(core, part_key("ann", NOBODY, "p0"))
    orphan = damage(core, put(core, part_key("bob", NOBODY, "p0")), how)
    kept = damage(core, processed_file(core)["parts"][0]["key"], how)
    late = damage(core, put(core, part_key("eve", NOBODY, "p0")), how, stored_at=START + 1)
    foreign = damage(core, put(core, "a/b"), how)
    clock.pass_seconds(KEPT)
    found = {"orphans": sorted([listed, orphan]), "unnamed": [foreign]}
    for _ in range(2):
        assert deep(core, dry_run=True) == found | {"lost": [kept.split("/")[1]]}
    deep(core)
    assert isinstance(core.blobs, LocalBlobStore)
    left = {info.key for info in core.blobs.unlisted(prefix="", after="", until=None)}
    assert left == {kept, late, foreign}
    core.close()


def test_a_chunk_that_cannot_be_described_is_judged_by_its_bytes(tmp_path: Path, clock: Clock) -> None:
    core = replace(sqlite_core(tmp_path, orphan_seconds=KEPT), clock=clock, timer=clock)
    remember_domain(core, "ann")
    digest = hashlib.sha256(b"content").hexdigest()
    orphan, cut = (put(core, chunk_key("ann", each, "0" * 8)) for each in (digest, digest[::-1]))
    for key in (orphan, cut):
        damage(core, key, "description")
    clock.pass_seconds(KEPT)
    assert deep(core) == {"orphans": [orphan], "unnamed": [cut]}
    assert deep(core) == {"unnamed": [cut]}
    core.close()


def test_a_part_that_its_file_does_not_have_is_an_orphan(core: Core, clock: Clock) -> None:
    record = processed_file(core)
    other_owner = put(core, part_key("bob", record["file_id"], "p0"))
    no_part = put(core, part_key("ann", record["file_id"], "p7"))
    clock.pass_seconds(KEPT)
    assert deep(core) == {"orphans": sorted([other_owner, no_part])}
    assert is_stored(core, record["parts"][0]["key"])


def test_what_this_service_did_not_make_is_told_and_left_alone(core: Core, clock: Clock) -> None:
    strange = [
        put(core, key)
        for key in ("a", "a/b", "x" * 32 + "/not-an-id/p0", part_key("ann", NOBODY, "cover"), "a/b/c/d/e")
    ]
    chunk = put(core, "x" * 32 + "/chunks/ab/cdef-1")
    clock.pass_seconds(KEPT)
    assert deep(core) == {"unnamed": sorted([*strange, chunk])}
    assert all(is_stored(core, key) for key in [*strange, chunk])


def test_bytes_that_were_to_be_kept_are_kept(core: Core, clock: Clock) -> None:
    key = processed_file(core)["parts"][0]["key"]
    call(core, "files.remove", file_id=key.split("/")[1], soft=True)
    clock.pass_seconds(KEPT)
    assert deep(core) == {"unnamed": [key]}
    assert is_stored(core, key)


def test_bytes_that_come_after_the_last_cleaning_are_orphans(core: Core, clock: Clock) -> None:
    record = pending_file(core)
    key = record["parts"][0]["key"]
    call(core, "files.remove", file_id=record["file_id"])
    put(core, key)
    assert deep(core) == {}
    clock.pass_seconds(3_600)
    deep(core)
    assert not is_stored(core, key)
    put(core, key)
    clock.pass_seconds(KEPT)
    assert deep(core) == {"orphans": [key]}
    assert not is_stored(core, key)


def test_files_whose_bytes_are_missing_are_told(core: Core) -> None:
    whole, broken = processed_file(core, b"one", b"two"), processed_file(core, b"one", b"two", b"three")
    core.blobs.delete(broken["parts"][1]["key"])
    assert deep(core) == {"lost": [broken["file_id"]]}
    # Other bytes in their place are not what was received.
    put(core, broken["parts"][1]["key"])
    assert deep(core) == {"lost": [broken["file_id"]]}
    assert call(core, "files.info", file_id=whole["file_id"])["status"] == "processed"


def test_the_comparison_goes_on_page_by_page(core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciliation, "BATCH", 3)
    orphans = [put(core, part_key(f"owner{number}", NOBODY, f"p{number}")) for number in range(10)]
    kept = [processed_file(core) for _ in range(5)]
    clock.pass_seconds(KEPT)
    assert deep(core) == {"orphans": sorted(orphans)}
    assert all(is_stored(core, record["parts"][0]["key"]) for record in kept)


def test_without_being_asked_for_nothing_is_compared(core: Core, clock: Clock) -> None:
    orphan = put(core, part_key("ann", NOBODY, "p0"))
    clock.pass_seconds(KEPT)
    assert call(core, "files.sync")["counts"]["orphans"] == 0
    assert is_stored(core, orphan)


def test_all_sweepers_together_search_once_in_an_interval(core: Core, clock: Clock) -> None:
    sweepers = [Sweeper(core, holder=name) for name in ("one", "two")]
    for sweeper in sweepers:
        sweeper.step()
        sweeper.give_up()
    clock.pass_seconds(KEPT)
    for number in range(3):
        put(core, part_key("ann", NOBODY, f"p{number}"))
        clock.pass_seconds(KEPT)
        for sweeper in sweepers:
            sweeper.step()
            sweeper.give_up()
        assert sum(sweeper.totals["orphans"] for sweeper in sweepers) == number + 1
    put(core, part_key("ann", NOBODY, "p9"))
    clock.pass_seconds(DAY // 2)
    for sweeper in sweepers:
        sweeper.step()
        sweeper.give_up()
    assert is_stored(core, part_key("ann", NOBODY, "p9"))


def test_a_search_goes_on_where_a_worker_died(core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deployment each day must not hide what lies behind a day's work."""
    monkeypatch.setattr(reconciliation, "BATCH", 2)
    monkeypatch.setattr(sweeper_module, "SEARCH_PAGES", 1)
    orphans = [put(core, part_key(f"owner{number}", NOBODY, "p0")) for number in range(7)]
    clock.pass_seconds(KEPT)
    for number in range(4):
        dying = Sweeper(core, holder=f"worker {number}")
        dying.sweep()
        clock.pass_seconds(core.settings.sweep_interval_seconds)
    assert [is_stored(core, key) for key in orphans] == [False] * 7


def test_a_place_that_nobody_knows_begins_the_search_anew(core: Core, clock: Clock) -> None:
    documents = require(core.metadata, SupportsDocuments)
    foreign = Document(collection=SEARCHES, document_id="orphans", body={"cursor": "new"}, updated_at=0)
    documents.put_document(foreign, expected_revision=0)
    orphan = put(core, part_key("ann", NOBODY, "p0"))
    clock.pass_seconds(KEPT)
    for _ in range(2):
        assert Sweeper(core, holder="one").sweep()
    assert not is_stored(core, orphan)


def test_an_interval_of_nothing_is_never(core: Core, clock: Clock) -> None:
    orphan = put(core, part_key("ann", NOBODY, "p0"))
    clock.pass_seconds(KEPT)
    Sweeper(replace(core, settings=replace(core.settings, inventory_interval_seconds=0)), holder="one").step()
    assert is_stored(core, orphan)


def test_an_old_upload_is_asked_for_seldom(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = replace(memory_core(tmp_path, sweep_interval_seconds=60), clock=clock, timer=clock)
    record = pending_file(opened)
    asked = 0
    head = opened.blobs.head

    def counting(key: str) -> Any:
        nonlocal asked
        asked += 1
        return head(key)

    monkeypatch.setattr(opened.blobs, "head", counting)
    sweeper = Sweeper(opened, holder="one")
    counts = []
    for _ in range(3):
        for _ in range(8 * 60 - 1):
            clock.pass_seconds(60)
            sweeper.step()
        counts.append(asked)
        asked = 0
    assert counts[0] < 40
    assert counts[1] < 6
    assert counts[2] < 4
    put_parts(opened, record, [b"content"])
    for _ in range(3 * 60):
        clock.pass_seconds(60)
        sweeper.step()
    # Whatever its age: before it expires it is looked at.
    assert call(opened, "files.info", file_id=record["file_id"])["status"] == "uploaded"
    opened.close()


def test_the_waits_grow_with_the_age_and_never_beyond_a_quarter_of_it() -> None:
    grace, last = 60_000, START
    looks = []
    for now in range(START, START + DAY * 1_000, 60_000):
        if is_due(START, looked_at=last, now=now, grace=grace):
            looks.append(now - START)
        last = now
    assert len(looks) < 40
    assert all(later <= earlier * 1.25 + 120_000 for earlier, later in itertools.pairwise(looks))
