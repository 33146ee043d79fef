"""What a Redis can suffer, and what must hold then: nothing acknowledged is lost, nothing is written by halves."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from storage_adapters import ListQuery, RevisionConflict, StorageUnavailable, open_metadata_store
from storage_adapters.metadata.redis import RedisMetadataStore
from tests.adapters.outages import (
    WAIT_SECONDS,
    assert_kills_lose_nothing,
    assert_unavailable_while_it_stands_still,
    in_time,
)
from tests.adapters.redis_servers import assert_intact, opened
from tests.adapters.writers import write_for_ever, write_some
from tests.contract.metadata_scenes import add, delete, make_record, revision_of, save, various_records, walk
from tests.servers.redis import RedisServer, raw
from tests.waiting import wait_until

SPAWN = multiprocessing.get_context("spawn")


def open_impatient(server: RedisServer) -> RedisMetadataStore:
    return RedisMetadataStore.from_url(f"{server.url}?timeout=0.2")


def write_until_refused(store: RedisMetadataStore) -> int:
    """Create files until the memory is full; how many there are."""
    for number in range(10_000):
        try:
            save(store, make_record(f"g{number:05}", tags=("a", "b", "c"), alias=f"{number}"))
        except StorageUnavailable:
            return number
    raise AssertionError("the memory does not fill up")


def test_processes_that_write_at_the_same_moment_lose_nothing(redis_url: str) -> None:
    with opened(redis_url) as store:
        save(store, make_record("shared", size=0))
        processes = [SPAWN.Process(target=write_some, args=(redis_url, f"w{number}", 25)) for number in range(3)]
        for process in processes:
            process.start()
        write_some(redis_url, "here", 25)
        for process in processes:
            process.join(WAIT_SECONDS)
            assert process.exitcode == 0
        assert store.get("shared").size == 100
        assert store.get("shared").revision == 101
    assert len(assert_intact(redis_url)) == 101


def test_a_killed_writer_leaves_whole_writes(redis_url: str) -> None:
    for attempt in range(3):
        reading, writing = SPAWN.Pipe(duplex=False)
        process = SPAWN.Process(target=write_for_ever, args=(redis_url, f"w{attempt}", writing))
        process.start()
        writing.close()
        told = {}
        for _ in range(10 + attempt):
            assert reading.poll(WAIT_SECONDS), "the writer does not write"
            file_id, revision = reading.recv()
            told[file_id] = revision
        process.kill()
        process.join(WAIT_SECONDS)
        reading.close()
        with opened(redis_url) as store:
            for file_id, revision in told.items():
                assert revision_of(store, file_id) >= revision
    assert_intact(redis_url)


def test_a_killed_server_keeps_all_that_it_acknowledged(own_redis: RedisServer) -> None:
    with opened(own_redis.url) as store:
        assert_kills_lose_nothing(store, own_redis, files=(20, 40, 60))
    assert_intact(own_redis.url)


def test_a_server_that_stands_still_is_unavailable_within_the_timeout(own_redis: RedisServer) -> None:
    with opened(own_redis.url) as patient:
        saved = save(patient, make_record())
    with closing(in_time(lambda: open_impatient(own_redis))) as store:
        calls: list[Callable[[], Any]] = [
            store.ping,
            lambda: store.get("f1"),
            lambda: store.find(ListQuery()),
            lambda: save(store, saved),
            lambda: open_metadata_store(f"{own_redis.url}?timeout=0.2"),
        ]
        assert_unavailable_while_it_stands_still(own_redis, calls)
        assert in_time(lambda: store.get("f1")).revision in (1, 2)
    assert_intact(own_redis.url)


def test_a_write_whose_answer_was_lost_is_told_by_repeating_it(own_redis: RedisServer) -> None:
    """Whether it took effect is unknown; the repetition is a conflict if it did, and a save if it did not."""
    with opened(own_redis.url) as patient, closing(in_time(lambda: open_impatient(own_redis))) as store:
        save(patient, make_record("f0"))
        own_redis.pause()
        with pytest.raises(StorageUnavailable):
            save(store, make_record("f1", alias="film"))
        own_redis.resume()
        wait_until(lambda: patient.resolve("ann", "alias", ["film"]) != [None], seconds=WAIT_SECONDS)
        with pytest.raises(RevisionConflict):
            in_time(lambda: save(store, make_record("f1", alias="film")))
        assert patient.get("f1").revision == 1
    assert len(assert_intact(own_redis.url)) == 2


def test_a_full_memory_refuses_writes_whole_and_deletions_lead_out_of_it(own_redis: RedisServer) -> None:
    with opened(own_redis.url) as store, raw(own_redis.url) as client:
        client.config_set("maxmemory-policy", "noeviction")
        records = add(store, *various_records())
        client.config_set("maxmemory", client.info("memory")["used_memory"] + 500_000)
        written = write_until_refused(store)
        assert len(assert_intact(own_redis.url)) == 40 + written
        limit = client.config_get("maxmemory")["maxmemory"]
        client.config_set("maxmemory", 1)
        with pytest.raises(StorageUnavailable, match="maxmemory"):
            store.ping()
        with pytest.raises(StorageUnavailable, match="maxmemory"):
            save(store, records[0], name="changed")
        for record in walk(store, ListQuery(limit=100, section=None)):
            delete(store, record)
        store.move_checkpoint("relay", expected="", sequence=store.last_sequence())
        assert store.trim_changes(limit=100_000) == 2 * (40 + written)
        assert store.acquire_lease("relay", holder="a", now=0, until=1)
        store.release_lease("relay", holder="a")
        client.config_set("maxmemory", limit)
        store.ping()
        save(store, make_record("after"))
    assert len(assert_intact(own_redis.url)) == 1


def test_a_server_that_may_evict_records_is_refused(own_redis: RedisServer) -> None:
    with raw(own_redis.url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
    with pytest.raises(StorageUnavailable, match="noeviction"):
        open_metadata_store(own_redis.url)


def test_a_policy_that_evicts_records_from_now_on_stops_writes_and_readiness(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(own_redis.url) as store, raw(own_redis.url) as client:
        saved = save(store, make_record("f1"))
        client.config_set("maxmemory-policy", "allkeys-lru")
        with pytest.raises(StorageUnavailable, match="noeviction"):
            store.ping()
        client.config_set("maxmemory-policy", "noeviction")
        store.ping()
        save(store, make_record("f2"))
        client.config_set("maxmemory-policy", "allkeys-lfu")
        monkeypatch.setattr(store._server, "_policy_due", time.monotonic())  # the next look is due
        for write in (
            lambda: save(store, make_record("f3")),
            lambda: delete(store, saved),
            lambda: store.replicate([make_record("f4", revision=1)]),
            lambda: store.acquire_lease("relay", holder="a", now=0, until=1),
        ):
            with pytest.raises(StorageUnavailable, match="noeviction"):
                write()
        assert store.get("f1") == saved
        assert len(store.find(ListQuery()).records) == 2
        client.config_set("maxmemory-policy", "volatile-lru")
        save(store, make_record("f3"))
    assert len(assert_intact(own_redis.url)) == 3


def test_a_replica_refuses_writes_whole(own_redis: RedisServer, tmp_path: Path) -> None:
    with opened(own_redis.url) as store:
        saved = save(store, make_record())
        with RedisServer(tmp_path / "replica", replicaof=f"127.0.0.1 {own_redis.port}") as replica:
            deadline = time.monotonic() + WAIT_SECONDS
            with raw(replica.url) as client:
                while client.info("replication")["master_link_status"] != "up":
                    assert time.monotonic() < deadline
            with opened(replica.url) as copy:
                assert copy.get("f1") == saved
                for write in (lambda: save(copy, saved), lambda: delete(copy, saved)):
                    with pytest.raises(StorageUnavailable, match="replica"):
                        write()
                assert assert_intact(replica.url) == [saved]


def test_a_server_that_cannot_write_to_its_disk_refuses_writes_whole(own_redis: RedisServer, tmp_path: Path) -> None:
    (tmp_path / "redis" / "dump.rdb" / "in the way").mkdir(parents=True)
    with opened(own_redis.url) as store, raw(own_redis.url) as client:
        saved = save(store, make_record())
        client.config_set("save", "1 1")
        save(store, saved)
        deadline = time.monotonic() + WAIT_SECONDS
        while client.info("persistence")["rdb_last_bgsave_status"] != "err":
            assert time.monotonic() < deadline
        with pytest.raises(StorageUnavailable, match="MISCONF"):
            save(store, store.get("f1"))
        client.config_set("save", "")
        save(store, store.get("f1"))
    assert [record.revision for record in assert_intact(own_redis.url)] == [3]


def test_an_address_where_nobody_listens_is_unavailable(own_redis: RedisServer) -> None:
    own_redis.kill()
    with pytest.raises(StorageUnavailable, match="refused"):
        open_metadata_store(own_redis.url)


def test_a_wrong_password_is_told(tmp_path: Path) -> None:
    with RedisServer(tmp_path / "redis", requirepass="secret") as server:
        for user in ("", ":wrong@"):
            with pytest.raises(StorageUnavailable, match=r"uthentication|WRONGPASS|invalid"):
                open_metadata_store(server.url.replace("//", f"//{user}"))
        with opened(server.url.replace("//", "//:secret@")) as store:
            add(store, make_record())


def in_forked_child(store: RedisMetadataStore, number: int) -> None:
    for index in range(10):
        save(store, make_record(f"child {number}-{index}"))


def test_forked_children_use_the_store_of_their_parent(redis_url: str) -> None:
    context = multiprocessing.get_context("fork")
    with opened(redis_url) as store:
        save(store, make_record("shared"))
        children = [context.Process(target=in_forked_child, args=(store, number)) for number in range(2)]
        for child in children:
            child.start()
        for index in range(10):
            save(store, make_record(f"parent {index}"))
        for child in children:
            child.join(WAIT_SECONDS)
            assert child.exitcode == 0
    assert len(assert_intact(redis_url)) == 31
