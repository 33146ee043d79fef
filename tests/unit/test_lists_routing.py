"""Which store answers a list. A second store of the same kind stands in for whatever answers lists elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from files_service.errors import StorageUnavailable as Unavailable
from files_service.runtime.breaker import FIRST_OPEN_SECONDS, LONGEST_OPEN_SECONDS
from files_service.services.listing.router import Lists
from files_service.services.listing.sync_progress import PROOF_SECONDS
from storage_adapters import (
    MARK,
    CopyMark,
    ListQuery,
    Page,
    StorageUnavailable,
    SupportsIdentity,
    SupportsMigrations,
    UnknownStore,
)
from tests.cores import call, memory_core, pending_file, refusal
from tests.gateway.serving import wait_until
from tests.unit.list_pairs import CONSUMER, Pair, fail, stand_still
from tests.waiting import PATIENCE_SECONDS


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    pair = Pair(tmp_path, PATIENCE_SECONDS)
    pair.second.connect()
    yield pair
    pair.core.close()


@pytest.fixture
def hurried(tmp_path: Path) -> Iterator[Pair]:
    """A pair whose list store is soon too slow."""
    pair = Pair(tmp_path, 0.05)
    pair.copy.ping()
    pair.second.connect()
    yield pair
    pair.core.close()


def test_before_the_first_backfill_has_ended_the_primary_answers(pair: Pair) -> None:
    file = pending_file(pair.core)
    pair.copy_one(file["file_id"])
    assert pair.asked() == "memory"
    assert pair.core.lists.fallbacks() == {"unsynced": 1}
    pair.sync()
    assert pair.asked() == "sqlite"


def test_lists_counts_and_reports_come_from_the_list_store_and_nothing_else_does(pair: Pair) -> None:
    file = pending_file(pair.core)
    pair.sync()
    pending_file(pair.core)
    assert [each["file_id"] for each in call(pair.core, "files.list")["files"]] == [file["file_id"]]
    for method in ("files.count", "files.report"):
        answer = call(pair.core, method, owner="ann")
        assert (answer["total"], answer["served_by"]) == (1, "sqlite")
    assert call(pair.core, "files.list", owner="ann", with_total=True)["total"] == 1
    renamed = call(pair.core, "files.update", file_id=file["file_id"], changes={"name": "new"})
    assert call(pair.core, "files.info", file_id=file["file_id"])["name"] == renamed["name"] == "new"
    assert pair.core.lists.answers() == {"sqlite": 4}


def test_strong_consistency_asks_the_primary(pair: Pair) -> None:
    pending_file(pair.core)
    pair.sync()
    assert (pair.asked(), pair.asked(consistency="strong")) == ("sqlite", "memory")
    assert call(pair.core, "files.count", consistency="strong")["served_by"] == "memory"
    assert pair.core.lists.fallbacks() == {}


def test_a_write_that_is_not_copied_yet_is_answered_by_the_primary(pair: Pair) -> None:
    file = pending_file(pair.core)
    pair.sync()
    assert pair.asked(min_change=file["change_token"]) == "sqlite"
    changed = call(pair.core, "files.update", file_id=file["file_id"], changes={"name": "new"})
    assert pair.asked() == "sqlite"
    answer = call(pair.core, "files.list", owner="ann", min_change=changed["change_token"])
    assert (answer["served_by"], answer["files"][0]["name"]) == ("memory", "new")
    assert call(pair.core, "files.count", min_change=changed["change_token"])["served_by"] == "memory"
    pair.copy_one(file["file_id"])
    assert pair.asked(min_change=changed["change_token"]) == "sqlite"
    assert pair.core.lists.fallbacks() == {"behind": 2}


def test_a_removal_is_included_once_its_tombstone_is_copied(pair: Pair) -> None:
    file = pending_file(pair.core)
    pair.sync()
    removed = call(pair.core, "files.remove", file_id=file["file_id"])
    answer = call(pair.core, "files.list", owner="ann", min_change=removed["change_token"])
    assert (answer["served_by"], answer["files"]) == ("memory", [])
    pair.sync()
    answer = call(pair.core, "files.list", owner="ann", min_change=removed["change_token"])
    assert (answer["served_by"], answer["files"]) == ("sqlite", [])


def test_the_token_of_a_list_makes_the_next_one_as_new(pair: Pair) -> None:
    pending_file(pair.core)
    pair.sync()
    older = call(pair.core, "files.list", owner="ann")
    pending_file(pair.core)
    newer = call(pair.core, "files.list", owner="ann", consistency="strong")
    assert older["change_token"] == f"@{pair.feed.checkpoint(CONSUMER)}"
    assert newer["change_token"] == f"@{pair.feed.last_sequence()}"
    assert pair.asked(min_change=older["change_token"]) == "sqlite"
    assert pair.asked(min_change=newer["change_token"]) == "memory"
    pair.sync()
    assert pair.asked(min_change=newer["change_token"]) == "sqlite"
    assert pair.asked(min_change="@not a sequence") == "memory"


def test_a_cursor_goes_on_in_the_other_store(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(7):
        pending_file(pair.core, name=f"{number}")
    pair.sync()
    params: dict[str, Any] = {"owner": "ann", "order_by": "name", "order": "asc", "limit": 2}
    names: list[str] = []
    served_by: list[str] = []
    for strong in (False, True, False, True):
        page = call(pair.core, "files.list", **params, consistency="strong" if strong else "eventual")
        names += [file["name"] for file in page["files"]]
        served_by.append(page["served_by"])
        params["cursor"] = page["next_cursor"]
    assert names == [f"{number}" for number in range(7)]
    assert served_by == ["sqlite", "memory", "sqlite", "memory"]
    assert params["cursor"] is None


def test_a_failure_is_answered_by_the_primary_and_keeps_lists_away_until_a_try_succeeds(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    pending_file(pair.core)
    pair.sync()
    with monkeypatch.context() as patch:
        calls = fail(patch, pair.copy, "find")
        rest = FIRST_OPEN_SECONDS
        assert pair.asked() == "memory"
        for tries in range(2, 9):
            assert [pair.asked() for _ in range(3)] == ["memory"] * 3
            assert len(calls) == tries - 1
            pair.clock.now += rest
            rest = min(2 * rest, LONGEST_OPEN_SECONDS)
            # The one that is tried is answered by the primary as well.
            assert pair.asked() == "memory"
            wait_until(lambda tries=tries: len(calls) == tries and not pair.is_being_tried())  # type: ignore[misc]
    assert rest == LONGEST_OPEN_SECONDS
    assert pair.core.lists.fallbacks() == {"unavailable": 1, "resting": 28}
    assert pair.asked() == "memory"
    pair.clock.now += rest
    assert pair.asked() == "memory"
    wait_until(lambda: not pair.second.circuit_is_open)
    assert pair.asked() == "sqlite"


def test_a_store_that_hangs_costs_a_caller_its_patience_once(hurried: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    pending_file(hurried.core)
    hurried.sync()
    wait_until(hurried.healed)
    before = hurried.core.lists.fallbacks().get("slow", 0)
    go_on = stand_still(monkeypatch, hurried.copy, "find")
    assert hurried.asked() == "memory"
    assert [hurried.asked() for _ in range(50)] == ["memory"] * 50
    assert hurried.core.lists.fallbacks()["slow"] == before + 1
    hurried.clock.now += FIRST_OPEN_SECONDS
    # One thread tries; as long as it hangs nobody else does.
    assert [hurried.asked() for _ in range(50)] == ["memory"] * 50
    assert hurried.core.lists.fallbacks()["slow"] == before + 1
    go_on.set()
    wait_until(hurried.healed)


def test_an_order_that_takes_too_long_takes_no_other_off_the_list_store(
    hurried: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    pending_file(hurried.core)
    hurried.sync()
    wait_until(hurried.healed)
    real, go_on = hurried.copy.find, Event()

    def find(query: ListQuery) -> Page:
        if query.order_by == "size":
            go_on.wait(PATIENCE_SECONDS)
        return real(query)

    monkeypatch.setattr(hurried.copy, "find", find)
    assert hurried.asked(order_by="size") == "memory"
    for _ in range(5):
        assert hurried.asked(order_by="size") == "memory"
        wait_until(hurried.healed)
    assert call(hurried.core, "files.count", owner="ann")["total"] == 1
    # A busy machine may have been too slow for another question, and heals of that.
    wait_until(lambda: hurried.healed() and not hurried.second.circuit_is_open)
    assert not hurried.second.index_breakers["size"].is_closed
    go_on.set()
    wait_until(lambda: hurried.healed(order_by="size"))


def test_a_store_that_hangs_as_a_whole_is_noticed_at_the_first_question(
    hurried: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    pending_file(hurried.core)
    hurried.sync()
    wait_until(hurried.healed)
    ways_on = [stand_still(monkeypatch, hurried.copy, method) for method in ("find", "ping")]
    assert hurried.asked() == "memory"
    wait_until(lambda: hurried.second.circuit_is_open)
    for go_on in ways_on:
        go_on.set()
    wait_until(hurried.healed)


def test_a_list_store_that_is_down_when_the_service_opens_is_opened_later(tmp_path: Path) -> None:
    pair = Pair(tmp_path, PATIENCE_SECONDS)
    pair.is_down = True
    pair.second.connect()
    pending_file(pair.core)
    pair.sync()
    assert pair.asked() == "memory"
    pair.is_down = False
    wait_until(pair.healed)
    assert pair.opened == 2
    pair.core.close()


def test_a_check_tries_as_well_and_says_when_the_circuit_is_open(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    pending_file(pair.core)
    pair.sync()
    pair.second.check()
    with monkeypatch.context() as patch:
        fail(patch, pair.copy, "find", RuntimeError("a bug"))
        assert pair.asked() == "memory"
        with pytest.raises(StorageUnavailable, match="circuit of the list store is open"):
            pair.second.check()
    pair.clock.now += FIRST_OPEN_SECONDS
    pair.second.check()
    assert pair.asked() == "sqlite"


def test_while_the_primary_is_away_lists_go_on(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    file = pending_file(pair.core)
    pair.sync()
    token = call(pair.core, "files.list", owner="ann")["change_token"]
    with monkeypatch.context() as patch:
        tried = fail(patch, pair.core.metadata, "checkpoint")
        for method in ("get", "find", "usage", "last_sequence"):
            fail(patch, pair.core.metadata, method)
        answer = call(pair.core, "files.list", owner="ann", min_change=file["change_token"])
        assert (answer["served_by"], answer["change_token"]) == ("sqlite", token)
        assert pair.asked(min_change=token) == "sqlite"
        assert tried == ["checkpoint"]
        assert isinstance(refusal(pair.core, "files.list", consistency="strong"), Unavailable)
        assert isinstance(refusal(pair.core, "files.list", min_change="@999"), Unavailable)
    pair.sync()
    pair.clock.now += FIRST_OPEN_SECONDS
    assert pair.asked() == "sqlite"
    pending_file(pair.core)
    pair.sync()
    newest = f"@{pair.feed.checkpoint(CONSUMER)}"
    wait_until(lambda: call(pair.core, "files.list")["change_token"] == newest)


def test_a_primary_that_was_never_asked_for_the_checkpoint_must_answer_first(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        fail(patch, pair.core.metadata, "checkpoint")
        assert pair.asked() == "memory"
    assert pair.core.lists.fallbacks() == {"unsynced": 1}


def test_a_wrong_url_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(UnknownStore, match="did you mean sqlite"):
        memory_core(tmp_path, list_url="sqlit:///x.db")


def test_lists_may_be_switched_back_to_the_primary(tmp_path: Path) -> None:
    core = memory_core(tmp_path, list_url=f"sqlite:///{tmp_path}/lists.db", list_reads=False)
    assert core.lists.second is None
    assert call(core, "files.list")["served_by"] == "memory"
    core.close()


def test_two_stores_of_one_scheme_are_told_apart(pair: Pair) -> None:
    lists = Lists(pair.core.metadata, "sqlite", pair.second)
    core = replace(pair.core, lists=lists)
    assert call(core, "files.list")["served_by"] == "sqlite"
    pending_file(core)
    pair.sync()
    assert call(core, "files.list")["served_by"] == "sqlite-lists"
    assert call(core, "files.list", consistency="strong")["served_by"] == "sqlite"
    assert lists.answers() == {"sqlite": 2, "sqlite-lists": 1}


def test_an_order_that_the_list_store_does_not_have_is_answered_by_the_primary_and_no_other(pair: Pair) -> None:
    pending_file(pair.core)
    pair.sync()
    assert isinstance(pair.copy, SupportsMigrations)
    pair.copy.mark_unicode("13.0")
    assert pair.asked(order_by="name") == "memory"
    assert pair.asked(order_by="size") == "sqlite"
    assert pair.core.lists.fallbacks() == {"unsorted": 1}
    assert not pair.second.circuit_is_open


def test_the_mark_is_read_once_in_a_while_and_for_every_later_checkpoint(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = pending_file(pair.core)
    pair.sync()
    assert isinstance(pair.copy, SupportsIdentity)
    real = pair.copy.read_note
    reads: list[str] = []

    def read_note(name: str) -> str:
        reads.append(name)
        return real(name)

    monkeypatch.setattr(pair.copy, "read_note", read_note)
    assert [pair.asked() for _ in range(5)] == ["sqlite"] * 5
    assert len(reads) == 1
    assert pair.asked(min_change=file["change_token"]) == "sqlite"
    pair.clock.now += PROOF_SECONDS
    assert pair.asked() == "sqlite"
    assert len(reads) == 3
    pending_file(pair.core)
    pair.sync()
    del reads[:]
    assert pair.asked() == "sqlite"
    assert len(reads) == 1


def test_a_list_store_that_was_emptied_or_exchanged_answers_nothing(pair: Pair) -> None:
    file = pending_file(pair.core)
    pair.sync()
    assert pair.asked() == "sqlite"
    assert isinstance(pair.copy, SupportsIdentity)
    mark = pair.copy.read_note(MARK)
    older = CopyMark(source=pair.feed.identity(), checkpoint="").to_text()
    for other in (older, CopyMark(source="another", checkpoint="9").to_text()):
        assert pair.copy.write_note(MARK, expected=pair.copy.read_note(MARK), text=other)
        before = pair.core.lists.fallbacks().get("unmarked", 0)
        # At once where a change must be in the answer, else within the time for which a mark is believed.
        assert pair.asked(min_change=file["change_token"]) == "memory"
        pair.clock.now += PROOF_SECONDS
        assert pair.asked() == "memory"
        assert pair.core.lists.fallbacks()["unmarked"] == before + 2
        with pytest.raises(StorageUnavailable, match=r"store|source"):
            pair.second.check()
    assert pair.copy.write_note(MARK, expected=pair.copy.read_note(MARK), text=mark)
    pair.second.check()
    assert pair.asked() == "sqlite"
