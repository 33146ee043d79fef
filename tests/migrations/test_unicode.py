"""A store whose names are sorted by another version of Unicode: it refuses that order alone, until it is migrated."""

from __future__ import annotations

from contextlib import closing
from itertools import count

import pytest

from migrations.errors import Differences, NeedsOffline
from storage_adapters import SORT_FIELDS, UNICODE_VERSION, ListQuery, OrderUnavailable, open_metadata_store, query
from storage_adapters.metadata.couchdb import index
from storage_adapters.ports import schemas
from tests.contract.metadata_scenes import delete, expected, ids, make_record, save, various_records, walk
from tests.migrations.stores import assert_sound, fill, in_child_killed_once, later, records_of, runner_on

OTHER = "13.0"


def fill_by_another_version(url: str) -> None:
    """Fill a store by a version that folds names in another way, and mark it so."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(query, "fold", lambda text: text.swapcase()[::-1])
        fill(url)
        with closing(open_metadata_store(url)) as store:
            delete(store, save(store, make_record("gone", name="Gone")))
    with runner_on(url) as runner:
        runner.store.mark_unicode(OTHER)


def test_the_order_of_names_is_refused_with_the_command_and_every_other_one_answers(url: str) -> None:
    fill_by_another_version(url)
    with closing(open_metadata_store(url)) as store:
        for field in SORT_FIELDS:
            if field == "name":
                with pytest.raises(OrderUnavailable, match=r"13.0.*14.0.*`files migrate up --offline`"):
                    store.find(ListQuery(order_by=field))
            else:
                assert len(walk(store, ListQuery(order_by=field, section=None))) == len(various_records())
        assert store.find(ListQuery(search="film")).records
        assert save(store, store.get("f01"), tags=("new",)).tags == ("new",)


def test_the_step_sorts_names_and_a_process_that_refused_them_answers_then(url: str) -> None:
    fill_by_another_version(url)
    with closing(open_metadata_store(url)) as store, runner_on(url) as runner:
        before = records_of(runner)
        with pytest.raises(OrderUnavailable):
            store.find(ListQuery(order_by="name"))
        assert runner.store.schema().unicode == OTHER
        with pytest.raises(NeedsOffline):
            runner.up()
        runner.up(offline=True)
        runner.verify()
        assert runner.store.schema().unicode == UNICODE_VERSION
        assert records_of(runner) == before
        wanted = ListQuery(order_by="name", descending=False, limit=7)
        assert walk(store, wanted) == expected(before, wanted)
    assert_sound(url)


def test_a_step_that_is_killed_at_every_checkpoint_goes_on_and_marks_the_store_last(url: str) -> None:
    fill_by_another_version(url)
    with runner_on(url) as runner:
        runner.up(to=5, offline=True)
        assert runner.store.unicode_version() == OTHER
    seen: set[str] = set()
    hours = count(1)

    def run() -> None:
        with runner_on(url, clock=lambda: later(hour), batch=20) as runner:
            runner.up(to=6, offline=True)

    hour = next(hours)
    while in_child_killed_once(seen, run):
        with closing(open_metadata_store(url)) as store, pytest.raises(OrderUnavailable):
            store.find(ListQuery(order_by="name"))
        hour = next(hours)
    assert len(seen) > 2
    with runner_on(url, clock=lambda: later(hour + 1)) as runner:
        runner.verify()
    assert_sound(url)


def test_names_that_are_out_of_order_under_the_right_mark_are_found_and_repaired(url: str) -> None:
    fill_by_another_version(url)
    with runner_on(url) as runner:
        runner.store.mark_unicode(UNICODE_VERSION)
        with pytest.raises(Differences, match=r"step 6: .* (places by name are wrong|files that are indexed wrongly)"):
            runner.verify()
        runner.up(to=5, offline=True)
        runner.up(offline=True)
        runner.verify()
    assert_sound(url)


def test_a_change_of_the_pinned_version_makes_the_step_due_and_marks_new_stores(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schemas, "UNICODE_VERSION", "99.0")
    with closing(open_metadata_store(url)) as store:
        save(store, make_record())
        assert len(store.find(ListQuery(order_by="name")).records) == 1
    with runner_on(url) as runner:
        assert runner.store.unicode_version() == "99.0"
        monkeypatch.undo()
        with closing(open_metadata_store(url)) as store, pytest.raises(OrderUnavailable):
            store.find(ListQuery(order_by="name"))
        runner.up(offline=True)
        assert [step["due"] for step in runner.status()["steps"] if step["step"] == 6] == [False]
        runner.store.mark_unicode(OTHER)
        assert [step["due"] for step in runner.status()["steps"] if step["step"] == 6] == [True]


def test_sorting_names_makes_no_entry_in_the_feed(url: str) -> None:
    fill_by_another_version(url)
    with closing(open_metadata_store(url)) as store:
        before = store.changes(after="", limit=1_000)  # type: ignore[attr-defined]
        with runner_on(url) as runner:
            runner.up(offline=True)
        assert store.changes(after="", limit=1_000) == before  # type: ignore[attr-defined]


def test_a_file_that_a_release_without_folders_wrote_is_indexed_again(couchdb_url: str) -> None:
    with closing(open_metadata_store(couchdb_url)) as store:
        save(store, make_record("f1", path="a/1"))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(index, "other_entries", lambda record: iter(()))
            patch.setattr(index, "names_held", lambda record: iter(()))
            save(store, store.get("f1"), name="new")
        with runner_on(couchdb_url) as runner:
            with pytest.raises(Differences, match="files that are indexed wrongly: 1"):
                runner.verify()
            runner.repair()
            runner.verify()
        assert ids(store.find(ListQuery(owner="ann", order_by="path", descending=False, prefix="a/")).records) == ["f1"]
        assert store.resolve("ann", "path", ["a/1"]) == ["f1"]
    assert_sound(couchdb_url)
