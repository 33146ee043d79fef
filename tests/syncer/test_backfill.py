"""All files are copied while writes go on, and a backfill that ends anywhere goes on from there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from storage_adapters import FOLLOWING, ListQuery, Tombstone, copy_state
from syncer.backfill import Backfill, Walk
from syncer.metrics import Metrics
from syncer.pair import Pair, replica
from syncer.pipeline import Pipeline
from syncer.syncer import Syncer
from tests.contract.consistency import assert_consistent
from tests.contract.metadata_scenes import NOW, add, delete, make_record, save
from tests.syncer.conftest import LOCAL_PAIRS, PAIRS
from tests.syncer.pairs import assert_equal, catch_up, make_syncer, numbered, sync

every_pair = pytest.mark.parametrize("urls", PAIRS, indirect=True)
local_pairs = pytest.mark.parametrize("urls", LOCAL_PAIRS, indirect=True)


class Filling(Pipeline):
    """A backfill that is carried out step by step."""

    def __init__(self, pair: Pair, batch: int) -> None:
        metrics = Metrics()
        super().__init__(pair, Backfill(pair, metrics, batch=batch), metrics)

    @property
    def walk(self) -> Walk | None:
        return Walk.from_text(self.position) if self.position else None

    def step(self) -> int | None:
        """Copy the next batch; return how many files it had, None when all is done and handed over."""
        copied = super().step()
        return None if self.position == "" else copied or 0


def begin(pair: Pair, batch: int = 7) -> Filling:
    return Filling(pair, batch)


def finish(backfill: Filling) -> None:
    while backfill.step() is not None:
        pass


@local_pairs
def test_files_whose_changes_are_forgotten_are_copied(pair: Pair) -> None:
    records = add(pair.source, *numbered(40))
    delete(pair.source, records[0])
    pair.source.move_checkpoint("relay", expected="", sequence=pair.source.last_sequence())
    assert pair.source.trim_changes(limit=1_000) == 41
    sync(pair)
    assert len(assert_equal(pair)) == 39
    assert_consistent(pair.target)


@every_pair
def test_what_is_written_during_a_backfill_is_copied_as_well(pair: Pair) -> None:
    records = add(pair.source, *numbered(40))
    pair.source.move_checkpoint("relay", expected="", sequence=pair.source.last_sequence())
    backfill = begin(pair)
    for number in range(3):
        backfill.step()
        # Behind and ahead of the walk: a change, a deletion, a new file, a name that changes hands.
        early, late = records[number], records[35 + number]
        early = save(pair.source, early, alias=None)
        save(pair.source, late, alias=f"alias {number}")
        delete(pair.source, records[30 - number])
        add(pair.source, *numbered(5, start=100 * (number + 1)))
        relay = pair.source.checkpoint("relay")
        pair.source.move_checkpoint("relay", expected=relay, sequence=pair.source.last_sequence())
        pair.source.trim_changes(limit=1_000)
    finish(backfill)
    sync(pair)
    assert len(assert_equal(pair)) == 40 - 3 + 15
    assert pair.target.resolve("ann", "alias", ["alias 0", "alias 1"]) == ["f000035", "f000036"]
    assert_consistent(pair.target)


def test_the_checkpoint_appears_at_the_end_of_the_backfill(pair: Pair) -> None:
    add(pair.source, *numbered(20))
    sequence = pair.source.last_sequence()
    backfill = begin(pair)
    while pair.source.checkpoint(pair.backfill_consumer) == "" or backfill.walk is not None:
        assert pair.source.checkpoint(pair.consumer) == ""
        if backfill.step() is None:
            break
    assert pair.source.checkpoint(pair.consumer) == sequence
    assert pair.source.checkpoint(pair.backfill_consumer) == ""


def test_a_backfill_goes_on_where_another_one_was(pair: Pair) -> None:
    add(pair.source, *numbered(50))
    copied = 0
    for number in range(100):
        backfill = begin(pair, batch=8)
        step = backfill.step()
        if step is None:
            break
        copied += step
        backfill.drop()
        add(pair.source, make_record(f"new{number}", created_at=NOW + 10**6))
    assert copied == 50
    sync(pair)
    assert_equal(pair)


def test_two_backfills_at_once_do_no_harm(pair: Pair) -> None:
    add(pair.source, *numbered(60))
    one, other = begin(pair), begin(pair)
    for _ in range(100):
        if one.step() is None or other.step() is None:
            break
    assert pair.source.checkpoint(pair.consumer)
    sync(pair)
    assert len(assert_equal(pair)) == 60


def test_an_empty_source_waits_for_its_first_change(pair: Pair) -> None:
    syncer = make_syncer(pair)
    catch_up(syncer)
    assert pair.source.checkpoint(pair.consumer) == ""
    add(pair.source, *numbered(3))
    catch_up(syncer)
    assert pair.source.checkpoint(pair.consumer) == pair.source.last_sequence()
    assert len(assert_equal(pair)) == 3


@every_pair
def test_a_source_without_a_feed_is_copied_marked_and_followed_from_its_first_change(pair: Pair) -> None:
    copies = [replace(record, revision=2) for record in numbered(30)]
    replica(pair.source).replicate(copies)
    syncer = make_syncer(pair)
    catch_up(syncer)
    assert assert_equal(pair) == copies
    assert copy_state(pair.source, pair.target, pair.consumer, pair.backfill_consumer) == FOLLOWING
    assert pair.source.checkpoint(pair.backfill_consumer) == ""
    save(pair.source, copies[0], name="first change")
    pair.source.move_checkpoint("relay", expected="", sequence=pair.source.last_sequence())
    assert pair.source.trim_changes(limit=10) == 0
    catch_up(syncer)
    assert len(assert_equal(pair)) == 30
    assert pair.source.checkpoint(pair.consumer) == pair.source.last_sequence()
    assert pair.source.trim_changes(limit=10) == 1


def test_a_source_whose_files_are_all_deleted_is_copied(pair: Pair) -> None:
    delete(pair.source, save(pair.source, make_record()))
    sync(pair)
    assert assert_equal(pair) == []


@local_pairs
def test_what_the_target_had_from_before_goes(pair: Pair) -> None:
    records = add(pair.source, *numbered(20))
    delete(pair.source, records[0])
    pair.source.move_checkpoint("relay", expected="", sequence=pair.source.last_sequence())
    pair.source.trim_changes(limit=1_000)
    pair.target.replicate([records[0], make_record("stranger", alias="alias 3", revision=1)])
    catch_up(make_syncer(pair, accepted=True))
    assert len(assert_equal(pair)) == 19
    assert_consistent(pair.target)


def test_tombstones_that_name_blobs_are_copied(pair: Pair) -> None:
    records = add(pair.source, *numbered(20))
    tombstones = [delete(pair.source, record) for record in records[:12]]
    assert all(isinstance(tombstone, Tombstone) for tombstone in tombstones)
    pair.source.mark_clean(records[0].file_id)
    pair.source.move_checkpoint("relay", expected="", sequence=pair.source.last_sequence())
    pair.source.trim_changes(limit=1_000)
    finish(begin(pair))
    assert pair.target.unclean(now=NOW, limit=100) == tombstones[1:]


def test_a_second_backfill_copies_what_was_lost(pair: Pair) -> None:
    add(pair.source, *numbered(30))
    sync(pair)
    checkpoint = pair.source.checkpoint(pair.consumer)
    pair.target.discard([f"f{number:06}" for number in range(0, 30, 3)])
    syncer = make_syncer(pair)
    while not syncer.is_caught_up:
        syncer.fill()
    assert pair.source.checkpoint(pair.consumer) == checkpoint
    assert len(assert_equal(pair)) == 30


def test_a_place_that_was_left_behind_does_not_hold_the_feed(pair: Pair) -> None:
    add(pair.source, *numbered(10))
    backfill = begin(pair)
    backfill.step()
    place = pair.source.checkpoint(pair.backfill_consumer)
    sync(pair)
    pair.source.move_checkpoint(pair.backfill_consumer, expected="", sequence=place)
    sync(pair)
    assert pair.source.checkpoint(pair.backfill_consumer) == ""


def test_a_syncer_that_waited_for_a_backfill_follows_when_that_is_done(pair: Pair) -> None:
    add(pair.source, *numbered(20))
    filling, waiting = make_syncer(pair), make_syncer(pair)
    filling.fill()
    assert waiting.step() > 0
    assert waiting.is_standby
    while not filling.is_caught_up:
        filling.fill()
    catch_up(waiting)
    assert waiting.walk is None
    assert waiting._metrics.registry.get_sample_value("syncer_copied_total", {"by": "backfill"}) is None
    assert len(assert_equal(pair)) == 20


def test_a_backfill_that_another_one_ended_is_not_begun_anew(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    add(pair.source, *numbered(20))
    syncer, other = make_syncer(pair), begin(pair)
    syncer.step()
    # As if the lease had run out meanwhile.
    finish(other)
    for _ in range(5):
        syncer.step()
    assert caplog.messages.count("the backfill begins") == 1
    assert syncer.has_copied(pair.source.last_sequence())
    assert pair.source.checkpoint(pair.backfill_consumer) == ""
    assert len(assert_equal(pair)) == 20


def test_one_that_another_one_was_ahead_of_does_not_end_early(pair: Pair) -> None:
    add(pair.source, *numbered(40))
    one, other = Syncer(pair, Metrics(), batch=10), begin(pair)
    one.step()
    other.step()
    assert one.step() == 0
    assert not one.is_caught_up
    other.drop()
    catch_up(one)
    assert len(assert_equal(pair)) == 40


def test_a_place_that_is_moved_while_it_is_looked_at_is_left(pair: Pair) -> None:
    add(pair.source, *numbered(20))
    sync(pair)
    backfill = begin(pair)
    backfill.step()

    class Source(type(pair.source)):  # type: ignore[misc]
        def checkpoint(self, consumer: str) -> str:
            found = pair.source.checkpoint(consumer)
            if consumer == pair.backfill_consumer:
                backfill.step()
            return found

        def __getattribute__(self, name: str) -> object:
            own = name.startswith("_") or name == "checkpoint"
            return super().__getattribute__(name) if own else getattr(pair.source, name)

    syncer = make_syncer(replace(pair, source=Source()))
    catch_up(syncer)
    assert backfill.walk is not None
    assert pair.source.checkpoint(pair.backfill_consumer) == backfill.walk.to_text()


def test_changes_that_are_trimmed_before_the_feed_is_held_are_copied_by_the_walk(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = pair.source
    add(source, *numbered(5))
    source.move_checkpoint("relay", expected="", sequence=source.last_sequence())
    last_sequence, meanwhile = source.last_sequence, iter([numbered(2, start=5)])

    def found_and_passed() -> str:
        found = last_sequence()
        for late in meanwhile:
            add(source, *late)
            source.move_checkpoint("relay", expected=source.checkpoint("relay"), sequence=last_sequence())
            assert source.trim_changes(limit=100)
        return found

    monkeypatch.setattr(source, "last_sequence", found_and_passed)
    sync(pair)
    assert len(assert_equal(pair)) == 7
    assert copy_state(source, pair.target, pair.consumer, pair.backfill_consumer) == FOLLOWING


def test_the_rate_is_limited_by_pauses_shorter_than_the_lease(pair: Pair) -> None:
    add(pair.source, *numbered(50))
    syncer = Syncer(pair, Metrics(), rate=4.0, lease_seconds=10)
    pauses, copied = 0.0, 0
    while copied < 50:
        pause = syncer.step()
        assert pause < 5
        pauses += pause
        assert syncer.walk is not None
        copied = syncer.walk.copied
    assert pauses == pytest.approx(50 / 4, rel=0.2)


def test_the_walk_ends_though_files_are_added_for_ever(pair: Pair) -> None:
    add(pair.source, *numbered(20))
    backfill, steps = begin(pair), 0
    while backfill.step() is not None:
        steps += 1
        add(pair.source, *numbered(20, start=20 * (steps + 1)))
        assert steps < 10
    assert len(pair.target.find(ListQuery(limit=1_000)).records) == 20
