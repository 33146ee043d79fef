"""This code on stores that version 0.1 filled: nothing is lost, and nothing has to be rebuilt."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson

from storage_adapters import FileRecord, ListQuery, open_metadata_store, record_to_document
from syncer.pair import pair_of
from syncer.parity import differences, is_equal
from tests.contract.consistency import assert_consistent
from tests.contract.metadata_scenes import delete, save, walk
from tests.migrations.stores import runner_on
from tests.releases.conftest import VERSION
from tests.releases.dumps import dump_couchdb, dump_redis
from tests.releases.fill import answers
from tests.releases.keep import kept

NEW_DESIGNS = ("_design/folders-", "_design/versions-")


def records_of(url: str) -> list[FileRecord]:
    with closing(open_metadata_store(url)) as store:
        return walk(store, ListQuery(order_by="created_at", limit=50))


def test_every_answer_is_that_of_version_0_1(kind: str, old_url: str) -> None:
    with closing(open_metadata_store(old_url)) as store:
        found, told = answers(store), orjson.loads(kept(VERSION, f"{kind}.json"))
        for name in ("usage", "deleted"):
            found[name] = {key: _without_later(value, told[name][key]) for key, value in found[name].items()}
        found["uploads"] = [_without_later(*each) for each in zip(found["uploads"], told["uploads"], strict=True)]
        for chunks in found["chunks"]:
            assert {each.pop("chunk_domain") for each in chunks} <= {""}
        assert found == told
        assert_consistent_but_trimmed(store)


def _without_later(value: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """Leave out what a later version has, if it says nothing."""
    later = {name for name in value.keys() - known.keys() if value[name] in (None, "", {"files": 0, "bytes": 0})}
    return {name: each for name, each in value.items() if name not in later}


def test_opening_and_reading_writes_nothing_but_what_documents_need(kind: str, old_url: str, tmp_path: Path) -> None:
    def stored() -> Any:
        match kind:
            case "sqlite":
                with closing(sqlite3.connect(tmp_path / "files.db")) as connection:
                    return [
                        line
                        for line in connection.iterdump()
                        if not any(each in line.partition("VALUES")[0] for each in ("document", "upload_domains"))
                    ]
            case "redis":
                return dump_redis(old_url)
        dump = dump_couchdb(old_url)
        layout = next(each["doc"] for each in dump["_state"] if each["doc"]["_id"] == "layout")
        for name in ("documents", "built", "_rev", "write_id"):
            layout.pop(name, None)
        # Views of what no file of version 0.1 has.
        dump[""] = [each for each in dump[""] if not each["doc"]["_id"].startswith(NEW_DESIGNS)]
        return {name: sorted(orjson.dumps(each["doc"]) for each in found) for name, found in dump.items()}

    before = stored()
    with closing(open_metadata_store(old_url)) as store:
        answers(store)
    assert stored() == before


def test_records_are_the_same_bytes(kind: str, old_url: str) -> None:
    told = orjson.loads(kept(VERSION, f"{kind}.json"))["records"]
    records = records_of(old_url)
    assert len(records) > 40
    for record in records:
        assert record_to_document(record) == orjson.dumps(told[record.file_id], option=0)


def test_files_are_changed_and_deleted_and_everything_follows(old_url: str) -> None:
    with closing(open_metadata_store(old_url)) as store:
        records = walk(store, ListQuery(order_by="created_at", limit=50))
        for number, record in enumerate(records):
            match number % 4:
                case 0:
                    save(store, record, name=f"{record.name}!", tags=("new",), meta={"a": 1.0})
                case 1:
                    save(store, record, alias=None, request_id=None)
                case 2:
                    delete(store, record)
        assert_consistent_but_trimmed(store)


def test_it_is_a_good_source_and_target_of_the_syncer(old_url: str, tmp_path: Path) -> None:
    source = open_metadata_store(old_url)
    target = open_metadata_store(f"sqlite:///{tmp_path / 'copy.db'}")
    with closing(pair_of(source, target, source_name="old", name="copy")) as pair:
        assert all(pair.target.replicate(walk(source, ListQuery(order_by="created_at", limit=50))))
        assert is_equal(pair)
        assert list(differences(pair, full=True, wait_seconds=0)) == []


def test_it_is_migrated_up_verified_and_taken_back(old_url: str) -> None:
    before = records_of(old_url)
    with runner_on(old_url) as runner:
        runner.up(offline=True)
        runner.verify()
        assert records_of(old_url) == before
        runner.down(to=0, offline=True)
        runner.up(offline=True)
        runner.verify()
    assert records_of(old_url) == before


def assert_consistent_but_trimmed(store: Any) -> None:
    """Compare all answers with the records; the feed begins in the middle of what happened, and two bore one alias."""
    store.discard(["copy-1"])
    store.changes = lambda after, limit: []
    assert_consistent(store)
    del store.changes
