"""The import from ms-files: complete, honest about what did not fit, repeatable, and harmless beside writers."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from migrations.errors import BadRequest, Locked
from migrations.run import Progress
from storage_adapters import (
    FileRecord,
    MetadataStore,
    NameTaken,
    RecordNotFound,
    RevisionConflict,
    StorageUnavailable,
    SupportsMigrations,
    open_metadata_store,
)
from tests.contract.consistency import assert_consistent
from tests.contract.metadata_scenes import delete, make_record, save
from tests.migrations.importing import all_records, assert_as_in, import_files, reported
from tests.migrations.ms_files_keyspace import Generator
from tests.migrations.stores import in_child_killed_once, later, runner_on
from tests.scale import NIGHTLY
from tests.servers.redis import raw, throw_away

FILES = 200_000 if NIGHTLY else 1_200


class Old:
    """The keyspace of an ms-files service on the tests' Redis."""

    def __init__(self, client: Any, url: str) -> None:
        self.client, self.url = client, url
        self.prefix = url.partition("prefix=")[2]

    def key(self, name: str) -> str:
        return f"{{{self.prefix}}}{name}"

    def generate(self, files: int) -> Generator:
        generator = Generator(self.client, self.prefix)
        generator.make(files)
        return generator


@pytest.fixture
def old(redis_server_url: str) -> Iterator[Old]:
    with throw_away(redis_server_url) as url, raw(url) as client:
        yield Old(client, url)


@pytest.fixture(params=["redis", "sqlite", "couchdb"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'files.db'}"
    given: str = request.getfixturevalue(f"{request.param}_url")
    return given


@pytest.fixture
def report(tmp_path: Path) -> Path:
    return tmp_path / "report.jsonl"


def scan(store: MetadataStore, *, limit: int) -> list[FileRecord]:
    assert isinstance(store, SupportsMigrations)
    return store.scan(after="", limit=limit)[0]


def write_beside(url: str, stopping: Event) -> None:
    """Make, rename and remove files of the new side, and rename imported ones."""
    with closing(open_metadata_store(url)) as store:
        mine = save(store, make_record("new-0", owner="new", alias="mine"))
        for number in count(1):
            if stopping.wait(0.01):
                return
            mine = save(store, mine, name=f"name {number}")
            if number < 200:
                delete(store, save(store, make_record(f"new-{number}", owner="new")))
            for record in scan(store, limit=3) if number % 50 == 0 else ():
                if record.owner != "new":
                    try:
                        save(store, record, name="renamed here")
                    except (RevisionConflict, RecordNotFound):
                        continue


@pytest.mark.timeout(4 * 3_600 if NIGHTLY else 600)
def test_everything_is_imported_beside_a_writer_and_every_oddity_is_reported(
    old: Old, redis_url: str, report: Path
) -> None:
    truth = old.generate(FILES).truth
    stopping = Event()
    writer = Thread(target=write_beside, args=(redis_url, stopping))
    writer.start()
    try:
        totals = import_files(old.url, redis_url, report)
    finally:
        stopping.set()
        writer.join()
    assert totals["outcomes"] == {"imported": len(truth.files), "not_imported": len(truth.lost)}
    assert reported(report) == truth.oddities
    assert_as_in(truth, redis_url, ignoring={"new"})
    again = import_files(old.url, redis_url, report)
    assert again["outcomes"] == {"unchanged": len(truth.files), "not_imported": len(truth.lost)}
    assert_as_in(truth, redis_url, ignoring={"new"})
    if not NIGHTLY:
        with closing(open_metadata_store(redis_url)) as store:
            assert_consistent(store)


def test_a_second_run_picks_up_what_changed_and_leaves_what_changed_here(old: Old, target: str, report: Path) -> None:
    truth = old.generate(120).truth
    import_files(old.url, target, report)
    processed = [record for record in all_records(target) if record.processed_at is not None and not record.temporary]
    changed, both, removed, deleted_here = (record.file_id for record in processed[:4])
    for file_id in (changed, both):
        old.client.hset(old.key(f"files-data:{file_id}"), "name", "changed there")
    old.client.delete(old.key(f"files-data:{removed}"))
    with closing(open_metadata_store(target)) as store:
        save(store, store.get(both), name="changed here")
        delete(store, store.get(deleted_here))

    totals = import_files(old.url, target, report)
    assert totals["outcomes"] == {
        "updated": 1,
        "conflict": 1,
        "deleted_here": 1,
        "gone_from_source": 1,
        "unchanged": len(truth.files) - 4,
        "not_imported": len(truth.lost),
    }
    assert {("conflict", both), ("gone_from_source", removed)} <= reported(report)
    with closing(open_metadata_store(target)) as store:
        assert store.get(changed).name == "changed there"
        assert store.get(both).name == "changed here"
        assert store.get(removed)

    totals = import_files(old.url, target, report, overwrite=True, remove_missing=True)
    assert (totals["outcomes"]["updated"], totals["outcomes"]["removed"]) == (1, 1)
    with closing(open_metadata_store(target)) as store:
        assert store.get(both).name == "changed there"
        with pytest.raises(RecordNotFound):
            store.get(removed)
        assert_consistent(store)


@pytest.mark.parametrize("is_new", [True, False])
def test_a_rehearsal_writes_nothing_and_says_what_an_import_would(
    old: Old, target: str, report: Path, *, is_new: bool
) -> None:
    truth = old.generate(120).truth
    (owner, alias), file_id = next(iter(truth.aliases.items()))
    if not is_new:
        with closing(open_metadata_store(target)) as store:
            save(store, make_record("mine", owner=owner, alias=alias))
    keys = sorted(old.client.keys())
    rehearsed = import_files(old.url, target, report, rehearse=True)
    lines = reported(report)
    assert sorted(old.client.keys()) == keys
    with runner_on(target) as runner:
        assert runner.store.schema().empty == is_new
    assert (("alias_taken", file_id) in lines) == (not is_new)
    assert import_files(old.url, target, report)["outcomes"] == rehearsed["outcomes"]
    assert reported(report) == lines


def test_files_of_another_source_are_not_taken_for_gone(old: Old, redis_server_url: str, target: str) -> None:
    truth = old.generate(20).truth
    import_files(old.url, target)
    with throw_away(redis_server_url) as url, raw(url) as client:
        with pytest.raises(BadRequest, match="no file exists at"):
            import_files(url, target, remove_missing=True)
        client.hset(f"{{{Old(client, url).prefix}}}files-data:none", "status", "9")
        totals = import_files(url, target, remove_missing=True)
    assert totals["outcomes"] == {"not_imported": 1}
    assert {record.file_id for record in all_records(target)} == truth.files


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"files": '[{"filename": "k", "contentLength": "\u00b2"}]'}, "not_a_number"),
        ({"files": '[{"filename": "k", "contentLength": 1e30}]'}, "not_a_number"),
        ({"files": '[{"filename": "k", "contentLength": true}]'}, "not_a_number"),
        ({"startedAt": "1e300", "uploadedAt": "-5"}, "not_a_number"),
        ({"status": "5", "error": "e", "error-count": "\u00b2"}, None),
        ({"nft": "[" * 300 + "]" * 300}, "corrupt_json"),
        ({"parentId": b"\xff", "categories": b"\xff", "bucket": b"\xff"}, "not_utf8"),
        ({"name": "a\0b", "c_x": "\0"}, None),
        ({"nft": "123456789012345678901234567890"}, "without_equivalent"),
    ],
)
def test_a_value_that_makes_no_sense_stops_no_import(
    old: Old, target: str, report: Path, fields: dict[str, Any], kind: str | None
) -> None:
    sound = {"owner": "ann", "name": "n", "status": "3", "startedAt": "1", "files": '[{"filename": "k"}]'}
    for file_id in ("5f3d1c52-9d3b-4f8e-9d55-1f2a3b4c5d6e", "_odd/id:\u00fc"):
        old.client.hset(old.key(f"files-data:{file_id}"), mapping={**sound, **fields})
    assert import_files(old.url, target, report)["outcomes"] == {"imported": 2}
    assert kind is None or kind in {found for found, _ in reported(report)}
    assert import_files(old.url, target, report)["outcomes"] == {"unchanged": 2}


def test_a_source_that_refuses_to_be_read_is_no_source_without_records(
    old: Old, redis_server_url: str, target: str
) -> None:
    old.generate(5)
    user = f"reader-{uuid.uuid4().hex}"
    old.client.execute_command("ACL", "SETUSER", user, "on", ">secret", "~*", "+@all", "-hgetall")
    try:
        url = old.url.replace("redis://", f"redis://{user}:secret@")
        with pytest.raises(StorageUnavailable, match="hgetall"):
            import_files(url, target)
    finally:
        old.client.execute_command("ACL", "DELUSER", user)


def test_an_import_that_is_killed_at_every_checkpoint_goes_on(old: Old, target: str, report: Path) -> None:
    truth = old.generate(200).truth
    seen: set[str] = set()
    hours = iter(range(1, 1_000))

    def run() -> None:
        hour = next(hours)
        import_files(old.url, target, report, batch=40, clock=lambda: later(hour))

    while in_child_killed_once(seen, run):
        with pytest.raises(Locked):
            import_files(old.url, target, report)
        next(hours)
    assert len(seen) > 6
    assert_as_in(truth, target)
    with closing(open_metadata_store(target)) as store:
        assert_consistent(store)
    assert truth.oddities <= reported(report)


class Interrupted(Exception):
    """A run that ends between two batches."""


def test_what_changed_before_an_interrupted_import_was_continued_comes_with_one_more_run(old: Old, target: str) -> None:
    sound = {"owner": "ann", "status": "3", "startedAt": "1", "files": '[{"filename": "k"}]'}
    for number in range(300):
        old.client.hset(old.key(f"files-data:f{number}"), mapping={**sound, "name": "before"})
    done: list[int] = []

    def interrupt(progress: Progress) -> None:
        done.append(progress.done)
        if len(done) == 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        import_files(old.url, target, batch=20, show=interrupt, clock=lambda: later(1))
    [first, *_] = all_records(target)
    old.client.hset(old.key(f"files-data:{first.file_id}"), mapping={**sound, "name": "after"})
    assert import_files(old.url, target, batch=20, clock=lambda: later(2))["continued"]
    totals = import_files(old.url, target, clock=lambda: later(3))
    assert not totals["continued"]
    assert {record.file_id for record in all_records(target) if record.name == "after"} == {first.file_id}


def test_an_interrupted_import_with_other_options_begins_anew(old: Old, target: str) -> None:
    sound = {"owner": "ann", "name": "n", "status": "3", "startedAt": "1", "files": '[{"filename": "k"}]'}
    for number in range(100):
        old.client.hset(old.key(f"files-data:f{number}"), mapping=sound)

    def interrupt(progress: Progress) -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        import_files(old.url, target, batch=20, show=interrupt, clock=lambda: later(1))
    totals = import_files(old.url, target, batch=20, overwrite=True, clock=lambda: later(2))
    # A scan of Redis may give a key twice.
    assert (totals["continued"], sum(totals["outcomes"].values()) >= 100) == (False, True)
    assert len(all_records(target)) == 100


def test_an_alias_that_somebody_has_here_stays_with_him(old: Old, target: str, report: Path) -> None:
    truth = old.generate(10).truth
    (owner, alias), file_id = next(iter(truth.aliases.items()))
    with closing(open_metadata_store(target)) as store:
        save(store, make_record("mine", owner=owner, alias=alias))
    totals = import_files(old.url, target, report)
    assert totals["outcomes"]["imported_without_alias"] == 1
    assert ("alias_taken", file_id) in reported(report)
    with closing(open_metadata_store(target)) as store:
        assert store.resolve(owner, "alias", [alias]) == ["mine"]
        assert store.get(file_id).alias is None
        with pytest.raises(NameTaken):
            save(store, store.get(file_id), alias=alias)
    assert import_files(old.url, target, report)["outcomes"]["unchanged"] == len(truth.files)


def test_each_field_comes_to_its_place(old: Old, target: str, report: Path) -> None:
    folder, file_id = "a" * 32, "5f3d1c52-9d3b-4f8e-9d55-1f2a3b4c5d6e"
    part = {
        "type": "c-bin",
        "filename": f"{folder}/{file_id}/part-1",
        "bucket": "pictures",
        "contentType": "text/plain",
        "contentLength": 12,
        "md5Hash": "1B2M2Y8AsgTpgAmY7PhCfg==",
        "contentEncoding": "gzip",
    }
    fields = {
        "owner": "ann",
        "name": "Chair",
        "status": "5",
        "startedAt": "1500000000000",
        "uploadedAt": "1500000000500",
        "files": json.dumps([part]),
        "tags": '["Oak", "oak ", "a,b"]',
        "public": "1",
        "immutable": "1",
        "parentId": "another",
        "error": "no models",
        "error-count": "3",
        "description": "four legs",
        "categories": "_s1_c1, _s2_c2",
        "playerSettings": '{"autorun": true}',
        "c_width": "12",
    }
    old.client.hset(old.key(f"files-data:{file_id}"), mapping=fields)
    old.client.sadd(old.key("files-index"), file_id)
    import_files(old.url, target, report)
    [record] = all_records(target)
    [found] = record.parts
    assert (record.owner, record.name, record.status, record.access) == ("ann", "Chair", "failed", "public")
    assert (record.created_at, record.uploaded_at, record.processed_at) == (1500000000000, 1500000000500, None)
    assert (record.tags, record.immutable, record.parent_id) == (("oak",), True, "another")
    assert record.error is not None
    assert (record.error.message, record.error.attempts) == ("no models", 3)
    assert (found.part_id, found.key, found.bucket, found.size) == ("p0", part["filename"], "pictures", 12)
    assert (found.md5, found.received_at) == ("d41d8cd98f00b204e9800998ecf8427e", 1500000000500)
    assert record.meta == {
        "description": "four legs",
        "categories": ["_s1_c1", "_s2_c2"],
        "playerSettings": {"autorun": True},
        "c_width": "12",
        "ms_files": {"parts": [{"contentEncoding": "gzip"}]},
    }
    assert reported(report) == {("not_a_tag", file_id)}
