"""Lists over many chunks: as exact as short ones, and no dearer to read."""

from __future__ import annotations

import random
from pathlib import Path

import storage_adapters.metadata.redis as package
from storage_adapters import Condition, ListQuery, Position
from storage_adapters.metadata.redis.keys import CHUNK
from tests.adapters.redis_servers import assert_intact, opened
from tests.contract.metadata_scenes import (
    NOW,
    add,
    delete,
    expected,
    expected_folders,
    ids,
    make_record,
    pages,
    save,
    walk,
)
from tests.servers.redis import RedisServer, raw


def test_python_and_lua_agree_on_the_size_of_a_chunk() -> None:
    script = Path(package.__file__).parent / "scripts" / "chunks.lua"
    assert f"local CHUNK = {CHUNK}\n" in script.read_text()


def test_many_files_written_in_any_order_are_listed_exactly(redis_url: str) -> None:
    """Growing, falling, random and equal values make chunks grow at the end, split in the middle, and vanish."""
    chance = random.Random(11)
    records = {}
    with opened(redis_url) as store:
        for number in range(6 * CHUNK):
            file_id = f"f{chance.randrange(10**9):09}"
            if file_id not in records:
                records[file_id] = save(
                    store,
                    make_record(
                        file_id,
                        created_at=NOW + number,
                        uploaded_at=NOW - number if number % 3 else None,
                        processed_at=NOW,
                        expires_at=chance.choice([None, chance.randrange(10**6)]),
                        name=f"{chance.choice('aäß')}{chance.randrange(50)}",
                        size=chance.randrange(1000),
                    ),
                )
        for file_id in chance.sample(sorted(records), 2 * CHUNK):
            records[file_id] = save(store, records[file_id], uploaded_at=NOW, size=1, name="same")
        for file_id in chance.sample(sorted(records), 3 * CHUNK):
            delete(store, records.pop(file_id))
        for order_by in ("uploaded_at", "processed_at", "name"):
            for descending in (False, True):
                query = ListQuery(order_by=order_by, descending=descending, limit=37)
                assert ids(walk(store, query)) == ids(expected(records.values(), query))
    assert len(assert_intact(redis_url)) == len(records)
    with opened(redis_url) as store:
        for record in records.values():
            delete(store, record)
    assert assert_intact(redis_url) == []


def test_a_page_costs_the_same_wherever_it_begins(tmp_path: Path) -> None:
    """Counted in commands inside the server, for files that all share one value."""
    with (
        RedisServer(tmp_path / "redis", appendfsync="no") as server,
        opened(server.url) as store,
        raw(server.url) as client,
    ):

        def calls() -> int:
            return sum(stat["calls"] for stat in client.info("commandstats").values())

        def cost(query: ListQuery) -> int:
            before = calls()
            store.find(query)
            return calls() - before

        def costs(count: int) -> list[int]:
            behind = Position(value=NOW, file_id=f"f{count - 30:05}")
            nothing = Condition(field="name", op="eq", value="none")
            return [
                cost(ListQuery()),
                cost(ListQuery(descending=False)),
                cost(ListQuery(descending=False, after=behind)),
                cost(ListQuery(after=behind)),
                cost(ListQuery(owner="ann", tags=("red",))),
                cost(ListQuery(scan_limit=50, conditions=(nothing,))),
            ]

        add(store, *(make_record(f"f{number:05}", uploaded_at=NOW, tags=("red",)) for number in range(100)))
        few = costs(100)
        add(store, *(make_record(f"f{number:05}", uploaded_at=NOW, tags=("red",)) for number in range(100, 900)))
        for before, now in zip(few, costs(900), strict=True):
            assert now <= before + 15


def test_a_page_of_folders_is_one_script_of_few_commands_for_each_row(tmp_path: Path) -> None:
    paths = [f"{number // 3:03}{'/' if number % 4 else '-'}{number}" for number in range(6 * CHUNK)]
    with (
        RedisServer(tmp_path / "redis", appendfsync="no") as server,
        opened(server.url) as store,
        raw(server.url) as client,
    ):

        def calls() -> tuple[int, int]:
            stats = client.info("commandstats")
            scripts = sum(stats.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("eval", "evalsha"))
            return scripts, sum(stat["calls"] for stat in stats.values())

        records = add(store, *(make_record(f"f{number:04}", path=path) for number, path in enumerate(paths)))
        for limit in (7, 100, 500):
            query = ListQuery(owner="ann", order_by="path", descending=False, delimiter="/", limit=limit)
            (scripts, commands), found = calls(), list(pages(store, query))
            asked, worked = (now - before for now, before in zip(calls(), (scripts, commands), strict=True))
            assert [record for page in found for record in page.records] == expected(records, query)
            assert [folder for page in found for folder in page.folders] == expected_folders(records, query)
            most = limit // 128 + 1
            # A script that the server does not know is sent again.
            assert asked <= most * len(found) + 1
            assert worked <= 5 * (len(records) + len(found))
