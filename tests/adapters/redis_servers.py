"""How the tests of the Redis store look into the server."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from storage_adapters import FileRecord, digest_bucket
from storage_adapters.metadata.redis import RedisMetadataStore
from storage_adapters.metadata.redis.keys import CHUNK, Keys, bounds_of, place
from storage_adapters.query import index_entries
from tests.contract.consistency import assert_consistent
from tests.servers.redis import raw


@contextmanager
def opened(url: str) -> Iterator[RedisMetadataStore]:
    store = RedisMetadataStore.from_url(url)
    try:
        yield store
    finally:
        store.close()


def assert_intact(url: str) -> list[FileRecord]:
    """Every answer follows from the records, and no index holds anything beyond them. No writer may run meanwhile."""
    with opened(url) as store:
        records = assert_consistent(store)
    prefix = url.partition("prefix=")[2] or "files"
    keys = Keys(prefix)
    wanted: dict[bytes, set[bytes]] = defaultdict(set)
    for record in records:
        wanted[keys.bucket(digest_bucket(record.file_id))].add(record.file_id.encode())
        for scope, field, value in index_entries(record):
            wanted[keys.index(scope, field)].add(place(value, record.file_id))
    with raw(url) as client:
        sorted_sets = {
            key: [member for member, _ in client.zrange(key, 0, -1, withscores=True)]
            for key in client.scan_iter(match=f"{{{prefix}}}*", _type="zset")
            if key != keys.unclean
        }
    for index, places in wanted.items():
        bounds = [b"", *sorted_sets.pop(bounds_of(index), [])]
        found: list[bytes] = []
        for bound in bounds:
            members = sorted_sets.pop(index + b"=" + bound if bound else index, [])
            assert members or not bound, "an empty chunk is left"
            assert len(members) <= CHUNK
            assert all(member >= bound for member in members)
            found += members
        assert found == sorted(places)
    assert sorted_sets == {}, "indexes of files that do not exist"
    return records


@contextmanager
def commands_of(url: str) -> Iterator[list[str]]:
    """The commands that clients send about the keys of this store's prefix, as MONITOR shows them, when the block ends.

    What a script does inside is no command of a client.
    """
    prefix, commands, end = url.partition("prefix=")[2], list[str](), uuid.uuid4().hex
    with raw(url) as watching, raw(url) as client, watching.monitor() as monitor:
        yield commands
        # The server shows commands in its order: when it shows this one, it has shown all before it.
        client.echo(end)
        for shown in monitor.listen():
            if end in shown["command"]:
                return
            if prefix in shown["command"] and shown["client_type"] != "lua":
                commands.append(shown["command"])
