"""Indexes, counters and digest that a store keeps itself: they follow the version, and damage is put right."""

from __future__ import annotations

from contextlib import closing
from itertools import count
from threading import Event, Thread
from typing import Any

import orjson
import pytest

from migrations.errors import BadRequest, Differences, NeedsOffline
from migrations.rebuild.counters import recount
from migrations.run import Progress, Run
from migrations.stores import RebuiltStore, is_rebuilt
from storage_adapters import SORT_FIELDS, DigestBucket, SupportsBulkImport, Tally, Usage, open_metadata_store
from tests.contract.metadata_scenes import delete, make_record, save
from tests.migrations.stores import assert_sound, fill, in_child_killed_once, later, records_of, runner_on
from tests.scale import at_scale

ROUNDS, FILES = at_scale(quick=(1, 10), default=(1, 10), nightly=(3, 100))


def _remove_orders_but(store: RebuiltStore, fields: list[str]) -> None:
    _, position = store.strays(after="", limit=500, fields=fields, remove=True)
    while position:
        _, position = store.strays(after=position, limit=500, fields=fields, remove=True)


def _become_a_store_of(store: object, fields: list[str]) -> None:
    """Make it what a version left that sorted by these fields alone."""
    assert is_rebuilt(store)
    _remove_orders_but(store, fields)
    text = orjson.dumps(fields)
    store.write_journal("sort-fields", expected=store.read_journal("sort-fields"), document=text)


def test_indexes_follow_a_change_of_the_sort_fields_and_the_way_back(rebuilt_url: str) -> None:
    fill(rebuilt_url)
    former = [field for field in SORT_FIELDS if field != "size"]
    with runner_on(rebuilt_url) as runner:
        runner.up(offline=True)
        _become_a_store_of(runner.store, former)
        assert [step["step"] for step in runner.status()["steps"] if step["due"]] == [4]
        assert [(task.step.number, task.online) for task in runner.plan()] == [(4, False)]
        with pytest.raises(NeedsOffline):
            runner.up()
        runner.up(offline=True)
        assert runner.verify()
        assert_sound(rebuilt_url)
        with pytest.raises(NeedsOffline):
            runner.down(to=3)
        runner.down(to=3, offline=True)
        step = next(step for step in runner.steps if step.number == 4)
        assert runner.examine(step, applied=False) == []
        assert is_rebuilt(runner.store)
        assert runner.store.count_index(records_of(runner), ["size"])[0] > 0
        assert runner.store.count_index(records_of(runner), former)[0] == 0
        runner.up(offline=True)
        runner.verify()
    assert_sound(rebuilt_url)


def test_a_step_that_is_turned_round_half_way_leads_back_to_where_it_came_from(rebuilt_url: str) -> None:
    fill(rebuilt_url)
    former = [field for field in SORT_FIELDS if field != "size"]
    with runner_on(rebuilt_url) as runner:
        runner.up(offline=True)
        _become_a_store_of(runner.store, former)

    def forward() -> None:
        with runner_on(rebuilt_url) as runner:
            runner.up(offline=True)

    assert in_child_killed_once({"before places added "}, forward)
    with runner_on(rebuilt_url, clock=later) as runner:
        assert [task.step.number for task in runner.plan(direction="down")] == [7]
        runner.down(to=3, offline=True)
        assert is_rebuilt(runner.store)
        assert runner.store.count_index(records_of(runner), ["size"])[0] > 0
        assert orjson.loads(runner.store.read_journal("sort-fields") or b"") == former


def test_what_a_store_promises_is_verified_though_it_has_no_journal(rebuilt_url: str) -> None:
    fill(rebuilt_url)
    with runner_on(rebuilt_url) as runner:
        assert [result["step"] for result in runner.verify()] == [
            step.number for step in runner.steps if step.applies(runner.store)
        ]
        assert is_rebuilt(runner.store)
        runner.store.correct_usage("ann", Usage(total=Tally(files=3, bytes=1)))
        with pytest.raises(Differences, match="owner 'ann'"):
            runner.verify()


def test_damage_is_found_and_repaired(rebuilt_url: str) -> None:
    fill(rebuilt_url)
    with runner_on(rebuilt_url) as runner:
        runner.up()
        store = runner.store
        assert is_rebuilt(store)
        wrong = Usage(
            total=Tally(files=3, bytes=1),
            by_access={"public": Tally(files=-1, bytes=5)},
            trash=Tally(files=2, bytes=7),
            versions=Tally(files=1, bytes=3),
        )
        store.correct_usage("ann", wrong)
        store.correct_usage("nobody", wrong)
        store.correct_usage(None, wrong)
        store.correct_digest(7, DigestBucket(files=1, high=2, low=-3))
        _remove_orders_but(store, ["name"])
        with pytest.raises(Differences) as found:
            runner.verify()
        text = str(found.value)
        assert all(part in text for part in ("owner 'ann'", "owner 'nobody'", "everybody", "bucket 7", "are missing"))
        with pytest.raises(BadRequest):
            runner.repair([2])
        runner.repair()
        runner.verify()
        assert store.checkpoint("migrations-census") == ""
    assert_sound(rebuilt_url)


# SQLite gives its lock to whoever asks at the right moment: beside a writer without pauses, a repair waits long.
@pytest.mark.timeout(600)
def test_counters_are_put_right_while_writers_write(rebuilt_url: str) -> None:
    fill(rebuilt_url)
    stopping = Event()

    def write() -> None:
        with closing(open_metadata_store(rebuilt_url)) as store:
            kept = [save(store, make_record(f"k{number}", tags=("red",))) for number in range(5)]
            for number in count():
                kept = [save(store, record, size=number, name=f"name {number}") for record in kept]
                if number < FILES:
                    delete(store, save(store, make_record(f"w{number}", owner="bob", size=number)))
                    save(store, make_record(f"x{number}", size=number))
                if stopping.is_set():
                    return

    with runner_on(rebuilt_url) as runner:
        runner.up()
        writer = Thread(target=write)
        writer.start()
        try:
            store = runner.store
            assert is_rebuilt(store)
            for _ in range(ROUNDS):
                store.correct_usage("ann", Usage(total=Tally(files=7, bytes=7)))
                store.correct_usage(None, Usage(by_status={"failed": Tally(files=2, bytes=1)}))
                with pytest.raises(Differences):
                    runner.verify()
                runner.repair()
                runner.verify()
        finally:
            stopping.set()
            writer.join()
    assert_sound(rebuilt_url)


def test_a_store_that_was_never_migrated_is_repaired_as_it_is_verified(rebuilt_url: str) -> None:
    fill(rebuilt_url)
    with runner_on(rebuilt_url) as runner:
        assert is_rebuilt(runner.store)
        runner.store.correct_digest(3, DigestBucket(files=1))
        with pytest.raises(Differences):
            runner.verify()
        assert [task.step.number for task in runner.repairs()] == [step["step"] for step in runner.repair()]
        runner.verify()
    assert_sound(rebuilt_url)


def _trim(store: Any) -> None:
    """Let a relay pass all changes, and trim what nobody holds."""
    store.move_checkpoint("relay", expected=store.checkpoint("relay"), sequence=store.last_sequence())
    store.trim_changes(limit=100)


@pytest.mark.parametrize("moment", ["before the feed is held", "while files are counted"])
def test_a_recount_behind_an_import_counts_what_changes_meanwhile(
    rebuilt_url: str, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(open_metadata_store(rebuilt_url)) as store:
        assert is_rebuilt(store)
        assert isinstance(store, SupportsBulkImport)
        imported = [make_record(f"f{number:03}", revision=1) for number in range(40)]
        store.import_files(imported)
        changing = iter((1,))
        last_sequence: Any = store.last_sequence

        def change() -> None:
            for _ in changing:
                # Of a batch that is counted, and one that nobody has seen.
                for each in store.scan(after="", limit=10)[0][:3]:
                    store.delete(each.file_id, expected_revision=1, deleted_at=5, event=None, clean_after=None)
                save(store, make_record("new"))
                _trim(store)

        def found_and_passed() -> Any:
            found = last_sequence()
            change()
            return found

        def show(progress: Progress) -> None:
            if progress.stage == "counting":
                change()

        run = Run(store=store, batch=10, show=show if moment == "while files are counted" else lambda _: None)
        run.write = lambda: None
        if moment == "before the feed is held":
            monkeypatch.setattr(store, "last_sequence", found_and_passed)
        assert recount(run, store, repair=True) == []
        assert store.usage(None).total.files == 38
    assert_sound(rebuilt_url)
