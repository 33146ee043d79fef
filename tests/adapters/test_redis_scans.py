"""Scans that go on behind a restart of the server, which orders its keys anew."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import pytest
from redis import Redis

from storage_adapters import SORT_FIELDS, FileRecord
from storage_adapters.metadata.redis.keyspace import RedisKeyspace
from storage_adapters.metadata.redis.store import RedisMetadataStore
from tests.contract.metadata_scenes import add, make_record
from tests.servers.redis import RedisServer

FILES = 300


def walked(own_redis: RedisServer, step: Callable[[str], tuple[list[str], str]]) -> set[str]:
    """Walk to the end; the server is started anew behind the first steps."""
    found: set[str] = set()
    position = ""
    for _ in range(3):
        some, position = step(position)
        found.update(some)
    assert position
    own_redis.kill()
    own_redis.start()
    while position:
        some, position = step(position)
        found.update(some)
    return found


def test_a_scan_of_foreign_keys_misses_none(own_redis: RedisServer) -> None:
    with closing(RedisMetadataStore.from_url(own_redis.url)) as store:
        add(store, *(make_record(f"f{number:03}") for number in range(FILES)))
        prefix = store._keys.tag.decode().strip("{}")
    with closing(RedisKeyspace(f"{own_redis.url}?prefix={prefix}")) as keyspace:
        found = walked(own_redis, lambda after: keyspace.scan("", after=after, limit=5))
        position, everything = "", set()
        while True:
            names, position = keyspace.scan("", after=position, limit=500)
            everything.update(names)
            if not position:
                break
    assert found == everything
    assert len(found) > FILES


@pytest.mark.parametrize("command", ["SADD", "ZADD", "HSET"])
def test_a_walk_through_a_foreign_index_misses_none(own_redis: RedisServer, command: str) -> None:
    expected = {f"m{number:04}" for number in range(2 * FILES)}
    with closing(Redis.from_url(own_redis.url)) as client:
        for member in expected:
            client.execute_command(command, "{p}index", *{"SADD": (), "ZADD": (1,), "HSET": (member,)}[command], member)
    with closing(RedisKeyspace(f"{own_redis.url}?prefix=p")) as keyspace:

        def step(after: str) -> tuple[list[str], str]:
            found, position = keyspace.members("index", after=after, limit=5)
            return [member for member, _ in found], position

        assert walked(own_redis, step) == expected


def test_a_scan_of_owners_misses_none(own_redis: RedisServer) -> None:
    records: list[FileRecord] = [make_record(f"f{number:03}", owner=f"o{number:03}") for number in range(FILES)]
    with closing(RedisMetadataStore.from_url(own_redis.url)) as store:
        add(store, *records)
        found = walked(own_redis, lambda after: store.counted_owners(after=after, limit=1))
    assert {record.owner for record in records} <= found


@pytest.mark.parametrize("fields", [[], list(SORT_FIELDS)])
def test_a_scan_of_indexes_begins_anew(own_redis: RedisServer, fields: list[str]) -> None:
    with closing(RedisMetadataStore.from_url(own_redis.url)) as store:
        add(store, *(make_record(f"f{number:03}", owner=f"o{number:03}") for number in range(FILES)))
        strays = 0

        def step(after: str) -> tuple[list[str], str]:
            nonlocal strays
            count, position = store.strays(after=after, limit=500, fields=fields, remove=False)
            strays += count
            return [], position

        walked(own_redis, step)
        assert (strays >= FILES) is not bool(fields)
