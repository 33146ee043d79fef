"""The metadata store on fakeredis, which needs no server: what is saved, named and deleted.

fakeredis runs the scripts in Lua, slower than a server does; lists and the rest are tested on a real one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import fakeredis
import pytest

from storage_adapters import MetadataStore
from storage_adapters.metadata.redis import RedisMetadataStore
from storage_adapters.metadata.redis.location import Location
from tests.contract.leases import LeasesContract
from tests.contract.metadata import LivingContract, UsageContract
from tests.contract.metadata_deleting import DeletingContract
from tests.contract.metadata_scenes import add, make_record


class FakeClient(fakeredis.FakeRedis):
    """Knows neither INFO nor the flags of a script, which stand in its first line."""

    def execute_command(self, *args: Any, **options: Any) -> Any:
        if args[0] == "INFO":
            return {"redis_version": "7.0.0"}
        if args[0] == "EVAL":
            args = (args[0], args[1].partition("\n")[2], *args[2:])
        untyped: Any = super()
        return untyped.execute_command(*args, **options)


class FakeLocation(Location):
    """Leads to an empty Redis in this process's memory."""

    def client(self) -> Any:
        return FakeClient(server=fakeredis.FakeServer(version=(7,)), version=(7,))


def open_fake(**changes: Any) -> RedisMetadataStore:
    parts: dict[str, Any] = {
        "hosts": (("nowhere", 6379),),
        "service": None,
        "db": 0,
        "username": None,
        "password": None,
        "prefix": "files",
        "timeout_seconds": 1,
        "tls": False,
        "ca": None,
        "sentinel_username": None,
        "sentinel_password": None,
    }
    return RedisMetadataStore(FakeLocation(**{**parts, **changes}))


class TestOnFakeRedis(UsageContract, DeletingContract, LeasesContract, LivingContract):
    @pytest.fixture
    def store(self) -> Iterator[MetadataStore]:
        store = open_fake()
        yield store
        store.close()


def test_every_script_works_on_the_commands_that_all_have() -> None:
    store = open_fake(prefix="other")
    add(store, *(make_record(f"f{number:03}", alias=f"{number}") for number in range(140)))
    assert store.last_sequence() == "140"
    store.move_checkpoint("relay", expected="", sequence="100")
    assert store.trim_changes(limit=1_000) == 100
    assert len(store.bucket_revisions(0)) == store.digest()[0].files
    store.close()
