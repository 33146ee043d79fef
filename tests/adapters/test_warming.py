"""Indexes that CouchDB derives when they are read are brought up to date before, one after the other."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from files_service.services.listing.list_store import being_built, read_first_page
from storage_adapters import IndexBuilder, NoAnswerInTime, StorageUnavailable
from storage_adapters.index_builder import LONGEST_PAUSE_SECONDS, SHORTEST_PAUSE_SECONDS, STILL_BUILDING_SECONDS
from storage_adapters.metadata.couchdb import CouchMetadataStore
from storage_adapters.metadata.couchdb.location import location_of
from storage_adapters.metadata.couchdb.server import Server
from storage_adapters.metadata.couchdb.views import DESIGNS
from tests.adapters.couchdb_servers import opened
from tests.contract.metadata_scenes import add, make_record, various_records
from tests.servers.couchdb import raw

pytestmark = pytest.mark.timeout(600)

NAMES = [design.name for design in DESIGNS.values()]


class Watched(CouchMetadataStore):
    """The store, and a note of what it was asked to build; what takes ``slow`` times longer than one request."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.asked: list[str] = []
        self.slow: dict[str, int] = {}

    def build_design(self, name: str) -> bool:
        self.asked.append(name)
        if self.slow.get(name):
            self.slow[name] -= 1
            return False
        return super().build_design(name)


@pytest.fixture
def store(couchdb_url: str) -> Iterator[Watched]:
    with opened(couchdb_url):
        pass
    store = Watched.from_url(couchdb_url)
    add(store, *various_records()[:5])
    yield store
    store.close()


def test_each_step_brings_one_index_up_to_date_and_all_have_their_turn(store: Watched, couchdb_url: str) -> None:
    builder = IndexBuilder(store)
    for number in range(2 * len(NAMES)):
        assert SHORTEST_PAUSE_SECONDS <= builder.step() <= LONGEST_PAUSE_SECONDS
        assert store.asked[number] == NAMES[number % len(NAMES)]
        assert pending(couchdb_url, NAMES[number % len(NAMES)]) in (0, None)
    assert len(store.asked) == 2 * len(NAMES)


def test_an_index_that_takes_longer_than_a_request_is_waited_for_before_the_next(store: Watched) -> None:
    store.slow = {NAMES[1]: 3}
    builder = IndexBuilder(store)
    pauses = [builder.step() for _ in range(6)]
    assert store.asked == [NAMES[0], *[NAMES[1]] * 4, NAMES[2]]
    assert pauses[1:4] == [STILL_BUILDING_SECONDS] * 3
    assert min(pauses[0], pauses[4], pauses[5]) >= SHORTEST_PAUSE_SECONDS


def test_building_has_one_part_in_six_of_the_time_at_most(store: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    # Each look at the clock is four seconds later: building takes four, or twelve where it takes three requests.
    clock = itertools.count(step=4)
    monkeypatch.setattr("storage_adapters.index_builder.time.monotonic", lambda: float(next(clock)))
    store.slow = {NAMES[1]: 1, NAMES[2]: 9}
    builder = IndexBuilder(store)
    pauses = [pause for _ in range(13) if (pause := builder.step()) != STILL_BUILDING_SECONDS]
    assert pauses == [20.0, 40.0, LONGEST_PAUSE_SECONDS]


def test_the_default_order_and_the_counters_are_built_before_everything_else(store: Watched) -> None:
    assert list(DESIGNS)[:2] == ["list-uploaded_at", "usage"]
    builder = IndexBuilder(store)
    builder.step()
    builder.step()
    assert store.asked == [DESIGNS["list-uploaded_at"].name, DESIGNS["usage"].name] == store.designs()[1][:2]


def test_indexes_that_lack_many_changes_are_told_with_the_part_that_is_built(
    store: Watched, couchdb_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert store.build_progress() == {}
    add(store, *(make_record(f"n{number:02}") for number in range(5)))
    name = location_of(couchdb_url).database
    # The stand-in does not tell what an index lacks; this is the form in which CouchDB does.
    pending = {DESIGNS["list-name"].name: 6_000, DESIGNS["usage"].name: 900}
    request = Server.request

    def answer(self: Server, method: str, *path: str, **options: Any) -> Any:
        if path == (name,):
            return 200, {"doc_count": 9_000, "doc_del_count": 1_000}, False
        if path[-1] == "_info":
            return 200, {"view_index": {"updates_pending": {"total": pending.get(path[2], 0)}}}, False
        return request(self, method, *path, **options)

    monkeypatch.setattr(Server, "request", answer)
    assert store.build_progress() == {"list-name": pytest.approx(0.4)}
    assert being_built(store) == "indexes are being built: list-name 40%"


def test_a_list_that_waits_for_its_index_says_that_it_may_be_being_built(
    store: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_first_page(store)
    request = Server.request

    def hang(self: Server, method: str, *path: str, **options: Any) -> Any:
        if "_view" in path:
            raise NoAnswerInTime("couchdb: timed out")
        return request(self, method, *path, **options)

    monkeypatch.setattr(Server, "request", hang)
    with pytest.raises(StorageUnavailable, match="indexes may be being built"):
        read_first_page(store)


def test_the_server_is_asked_not_to_build_all_of_them_at_once(couchdb_url: str) -> None:
    with opened(couchdb_url), raw(couchdb_url) as ask:
        for name in NAMES:
            assert ask("GET", location_of(couchdb_url).database, "_design", name)["autoupdate"] is False


def pending(url: str, name: str) -> int | None:
    """How many changes an index lacks, None where the server does not tell."""
    with raw(url) as ask:
        index = ask("GET", location_of(url).database, "_design", name, "_info")["view_index"]
    return None if isinstance(index, str) else int(index["updates_pending"]["total"])
