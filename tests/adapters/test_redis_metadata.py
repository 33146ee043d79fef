"""The metadata store on Redis: under the contract, and what only a server can do or suffer."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from files_service.services.editing import set_tags
from files_service.services.files import remove
from storage_adapters import StorageUnavailable, digest_bucket
from storage_adapters.codec import digest_halves
from storage_adapters.metadata.redis import RedisMetadataStore
from storage_adapters.metadata.redis.inserts import LOOKING
from tests.adapters.redis_servers import assert_intact, commands_of, opened
from tests.contract.adoption import AdoptionContract
from tests.contract.metadata_scenes import NOW, add, delete, make_record, save, various_records
from tests.contract.whole_store import WholeStoreContract
from tests.cores import memory_core
from tests.servers.redis import raw


class TestRedisMetadataStore(WholeStoreContract, AdoptionContract):
    @pytest.fixture
    def store(self, redis_url: str) -> Iterator[RedisMetadataStore]:
        with opened(redis_url) as store:
            yield store


def test_a_reopened_store_shows_everything(redis_url: str) -> None:
    with opened(redis_url) as store:
        records = add(store, *various_records())
        delete(store, records[0])
        store.move_checkpoint("relay", expected="", sequence="7")
        store.acquire_lease("sweeper", holder="a", now=0, until=10)
        digest, changes = store.digest(), store.changes(after="", limit=100)
    with opened(redis_url) as store:
        assert store.digest() == digest
        assert store.changes(after="", limit=100) == changes
        assert store.checkpoint("relay") == "7"
        assert not store.acquire_lease("sweeper", holder="b", now=0, until=10)
    assert assert_intact(redis_url) == sorted(records[1:], key=lambda r: (r.created_at, r.file_id))


def test_stores_of_two_prefixes_share_nothing(redis_url: str) -> None:
    with opened(redis_url) as one, opened(redis_url + "-other") as other:
        save(one, make_record("f1", alias="film"))
        save(other, make_record("f1", alias="film", name="other"))
        delete(other, other.get("f1"))
        assert one.resolve("ann", "alias", ["film"]) == ["f1"]
        assert one.usage(None).total.files == 1
    assert_intact(redis_url)
    with raw(redis_url) as client:
        client.unlink(*client.scan_iter(match=f"{{{redis_url.partition('prefix=')[2]}-other}}*"))


def test_nothing_is_left_of_deleted_files_but_their_tombstones(redis_url: str) -> None:
    with opened(redis_url) as store:
        for record in add(store, *various_records()):
            delete(store, record)
        assert_intact(redis_url)
        for record in various_records():
            store.mark_clean(record.file_id)
        store.move_checkpoint("relay", expected="", sequence=store.last_sequence())
        store.trim_changes(limit=1_000)
        prefix = redis_url.partition("prefix=")[2]
        with raw(redis_url) as client:
            left = {key.decode().partition("}")[2] for key in client.scan_iter(match=f"{{{prefix}}}*")}
        tombstones = {f"r:{record.file_id}" for record in various_records()}
        assert left - tombstones == {"feed", "d", "checkpoints", "layout", "journal"}


def test_a_flushed_script_cache_goes_unnoticed(redis_url: str) -> None:
    with opened(redis_url) as store, raw(redis_url) as client:
        record = save(store, make_record())
        client.script_flush()
        record = save(store, record)
        client.script_flush()
        assert assert_intact(redis_url) == [record]
        assert store.last_sequence() == "2"


@pytest.mark.parametrize(
    "key", ["r:f2", "feed", "d", "unclean", "u", "u:ann", "na:ann", "nr:ann", "i1a", "i1a/", "i5o3:ann"]
)
def test_a_key_of_another_program_is_reported_and_nothing_is_written(redis_url: str, key: str) -> None:
    prefix = redis_url.partition("prefix=")[2]
    whole = f"{{{prefix}}}{key}"
    with opened(redis_url) as store, raw(redis_url) as client:
        client.rpush(whole, "foreign")
        before = {each: client.dump(each) for each in client.scan_iter(match=f"{{{prefix}}}*")}
        with pytest.raises(StorageUnavailable, match="does not belong"):
            save(store, make_record("f2", alias="film", request_id="r1"))
        assert {each: client.dump(each) for each in client.scan_iter(match=f"{{{prefix}}}*")} == before
        client.delete(whole)
        save(store, make_record("f2", alias="film", request_id="r1"))
    assert_intact(redis_url)


@pytest.mark.parametrize("looks", [True, False])
@pytest.mark.parametrize("key", ["d", "u", "u:ann", "na:ann", "nr:ann", "i1a", "i1a/", "i5o3:ann", "i6o3:ann"])
def test_a_key_of_another_program_is_reported_and_nothing_is_adopted(redis_url: str, key: str, looks: bool) -> None:
    prefix = redis_url.partition("prefix=")[2]
    whole = f"{{{prefix}}}{key}"
    # Places of some files are written before anybody knows what lies there, and are taken back.
    records = (make_record(f"f{number}", alias="film", request_id="r1", revision=1) for number in range(100))
    record = next(record for record in records if (digest_halves(record)[1] % LOOKING == 0) == looks)
    with opened(redis_url) as store, raw(redis_url) as client:
        client.rpush(whole, "foreign")
        before = {each: client.dump(each) for each in client.scan_iter(match=f"{{{prefix}}}*")}
        with pytest.raises(StorageUnavailable, match="does not belong"):
            store.import_files([record])
        assert {each: client.dump(each) for each in client.scan_iter(match=f"{{{prefix}}}*")} == before
        client.delete(whole)
        assert store.import_files([record]) == [True]
    assert assert_intact(redis_url) == [record]


def test_indexes_that_are_adopted_and_saved_into_by_turns_stay_in_chunks(redis_url: str) -> None:
    with opened(redis_url) as store:
        for batch in range(12):
            records = [make_record(f"a{number * 7919 % 1200:04}", revision=1) for number in range(batch, 1200, 12)]
            assert store.import_files(records) == [True] * 100
            add(store, *(make_record(f"s{batch}-{number}") for number in range(10)))
    assert len(assert_intact(redis_url)) == 1320


@pytest.mark.parametrize("bucket", [1, 4])
def test_the_files_of_one_bucket_that_are_adopted_stay_in_chunks(redis_url: str, bucket: int) -> None:
    ids = [file_id for number in range(100_000) if digest_bucket(file_id := f"f{number:05}") == bucket]
    records = [make_record(file_id, revision=1) for file_id in random.Random(1).sample(ids, 300)]
    with opened(redis_url) as store:
        assert store.import_files(records) == [True] * 300
    assert len(assert_intact(redis_url)) == 300


def test_a_feed_that_another_program_wrote_to_is_reported_and_nothing_is_written(redis_url: str) -> None:
    prefix = redis_url.partition("prefix=")[2]
    with opened(redis_url) as store, raw(redis_url) as client:
        client.xadd(f"{{{prefix}}}feed", {"a": "b"}, id="2-1")
        with pytest.raises(StorageUnavailable, match="does not belong"):
            save(store, make_record())
        client.delete(f"{{{prefix}}}feed")
    assert assert_intact(redis_url) == []


def test_a_counter_that_is_full_is_reported_and_nothing_is_written(redis_url: str) -> None:
    with opened(redis_url) as store:
        saved = save(store, make_record("f1", size=2**62))
        with pytest.raises(StorageUnavailable, match="counter"):
            save(store, make_record("f2", size=2**62))
        with pytest.raises(StorageUnavailable, match="counter"):
            store.import_files([make_record("f2", size=2**62, revision=1)])
    assert assert_intact(redis_url) == [saved]


def test_a_closed_store_is_unavailable(redis_url: str) -> None:
    store = RedisMetadataStore.from_url(redis_url)
    store.close()
    with pytest.raises(StorageUnavailable, match="closed"):
        store.ping()


def test_data_of_another_layout_is_refused(redis_url: str) -> None:
    with raw(redis_url) as client:
        client.set(f"{{{redis_url.partition('prefix=')[2]}}}layout", "99")
    with pytest.raises(StorageUnavailable, match=r"schema 99, .* newer version"):
        RedisMetadataStore.from_url(redis_url)


def test_adding_a_tag_takes_two_round_trips_and_seven_encodings(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(redis_url) as store:
        core = replace(memory_core(tmp_path), metadata=store)
        add(store, make_record("f1", tags=("red",), alias="film", meta={"a": [1, 2]}))
        # The server has both scripts from now on.
        delete(store, save(store, make_record("f0")))
        encoded = counted_calls(monkeypatch, orjson, "dumps")
        decoded = counted_calls(monkeypatch, orjson, "loads")
        with commands_of(redis_url) as commands:
            record = set_tags(core, "f1", ["blue"], lambda old, given: (*old, *given), actor=None)
        assert record.tags == ("red", "blue")
        assert [command.split()[0] for command in commands] == ["GET", "EVALSHA"]
        # The value, the document and its meta of both records, and the header of the entry; the value that was read.
        assert (len(encoded), len(decoded)) == (7, 1)
        with commands_of(redis_url) as commands:
            remove(core, "f1")
        # Between them, whether the owner has a quota: known for half a second then.
        assert [command.split()[0] for command in commands] == ["GET", "ZRANGEBYLEX", "EVALSHA"]
    assert_intact(redis_url)


def test_a_record_in_the_bytes_of_another_version_is_read_once_more(redis_url: str) -> None:
    with opened(redis_url) as store, raw(redis_url) as client:
        record = save(store, make_record("f1", alias="film"))
        key = f"{{{redis_url.partition('prefix=')[2]}}}r:f1"
        client.set(key, client.get(key).replace(b",", b", "))
        loaded = store.get("f1")
        assert loaded == record
        renamed = replace(record, alias="movie")
        with commands_of(redis_url) as commands:
            store.save(renamed, expected_revision=1, changed_at=NOW, event=None, before=loaded)
        assert [command.split()[0] for command in commands] == ["EVALSHA", "GET", "EVALSHA"]
    assert_intact(redis_url)


def counted_calls(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> list[str]:
    """Count the calls of a function, which is still what is called."""
    real, calls = getattr(module, name), []

    def count(*args: Any, **kwargs: Any) -> Any:
        calls.append(name)
        return real(*args, **kwargs)

    monkeypatch.setattr(module, name, count)
    return calls
