"""A comparison reads each record once, and entries of the indexes by the page."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from migrations.stores import is_rebuilt
from storage_adapters import SORT_FIELDS, open_metadata_store
from storage_adapters.metadata.redis.keys import Keys, place
from storage_adapters.metadata.redis.server import Server
from tests.contract.metadata_scenes import NOW, add, make_record
from tests.migrations.stores import runner_on
from tests.servers.redis import raw

FILES = 40


def fill(url: str) -> None:
    with closing(open_metadata_store(url)) as store:
        add(store, *(make_record(f"f{number:03}", owner=f"o{number % 9}", tags=("a",)) for number in range(FILES)))


def noting(sent: list[object], function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which leaves its arguments in the list."""

    def noted(*arguments: Any, **options: Any) -> Any:
        sent.append(arguments)
        return function(*arguments, **options)

    return noted


def test_a_sound_store_is_compared_without_reading_the_records_of_its_entries(
    rebuilt_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(rebuilt_url)
    with runner_on(rebuilt_url) as runner:
        walked: list[object] = []
        real = runner.store.strays  # type: ignore[attr-defined]

        def strays(**options: Any) -> Any:
            walked.append(options)
            return real(**options)

        monkeypatch.setattr(runner.store, "strays", strays)
        runner.up(offline=True)
        del walked[:]
        assert runner.verify()
        assert walked == []
        assert is_rebuilt(runner.store)
        held = runner.store.count_index(runner.store.scan(after="", limit=FILES)[0], SORT_FIELDS)
        assert held[0] == 0 < held[1]


def test_a_stray_among_many_entries_is_found_in_few_round_trips(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(redis_url)
    keys = Keys(redis_url.partition("prefix=")[2])
    with raw(redis_url) as client:
        client.zadd(keys.index(("all",), "created_at"), {place(NOW, "nobody"): 0})
        chunks = len(client.keys(keys.tag + b"i*"))
    with closing(open_metadata_store(redis_url)) as store:
        assert is_rebuilt(store)
        sent: list[object] = []
        for name in ("call", "answers", "run"):
            monkeypatch.setattr(Server, name, noting(sent, getattr(Server, name)))
        found, position = store.strays(after="", limit=12_000, fields=SORT_FIELDS, remove=False)
        while position:
            more, position = store.strays(after=position, limit=12_000, fields=SORT_FIELDS, remove=False)
            found += more
        assert found == 1
        assert len(sent) < chunks / 2
