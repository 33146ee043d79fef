"""A source that loses its latest writes, as by a failover: what comes after them is copied, what went is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from storage_adapters import waiting_changes
from syncer.pair import Pair
from syncer.repair import repair
from tests.contract.metadata_scenes import add, save
from tests.servers.redis import RedisServer
from tests.syncer.pairs import assert_equal, catch_up, found, make_syncer, numbered, open_pair_of


@pytest.fixture
def pair(own_redis: RedisServer, tmp_path: Path) -> Iterator[Pair]:
    with closing(open_pair_of(own_redis.url, f"sqlite:///{tmp_path}/files.db")) as pair:
        yield pair


def keys_of(server: RedisServer) -> dict[Any, Any]:
    with closing(Redis.from_url(server.url)) as client:
        return {key: client.dump(key) for key in client.keys("*")}


def fall_back(server: RedisServer, keys: dict[Any, Any]) -> None:
    """Bring the server to where a replica was that lags, and becomes the primary."""
    with closing(Redis.from_url(server.url)) as client:
        client.flushdb()
        for key, value in keys.items():
            client.restore(key, 0, value)


def test_a_running_syncer_copies_what_comes_after_lost_writes(pair: Pair, own_redis: RedisServer) -> None:
    records = add(pair.source, *numbered(5))
    syncer = make_syncer(pair)
    catch_up(syncer)
    kept = keys_of(own_redis)
    lost = [save(pair.source, record, name="lost") for record in records[:3]]
    catch_up(syncer)
    position = pair.source.checkpoint(pair.consumer)
    fall_back(own_redis, kept)
    assert waiting_changes(pair.source, position) == 0
    # Fewer than were lost: their sequences are ones that the syncer has already read.
    save(pair.source, records[4], name="kept")
    save(pair.source, records[0], name="instead")
    catch_up(syncer)
    assert pair.target.get(records[4].file_id).name == "kept"
    assert pair.source.checkpoint(pair.consumer) == pair.source.last_sequence()
    differences = found(pair)
    assert [(each.file_id, each.kind) for each in differences] == [
        (lost[0].file_id, "different"),
        (lost[1].file_id, "newer"),
        (lost[2].file_id, "newer"),
    ]
    assert all(repair(each.file_id, leader=pair.source, follower=pair.target) for each in differences)
    assert len(assert_equal(pair)) == 5


def test_a_source_that_lost_its_checkpoint_is_copied_anew(pair: Pair, own_redis: RedisServer) -> None:
    add(pair.source, *numbered(3))
    kept = keys_of(own_redis)
    syncer = make_syncer(pair)
    catch_up(syncer)
    fall_back(own_redis, kept)
    add(pair.source, *numbered(3, start=3))
    catch_up(syncer)
    assert len(assert_equal(pair)) == 6
