"""The feed is copied: every change, in order, whatever else happens."""

from __future__ import annotations

import pytest

from storage_adapters import RecordDeleted, open_metadata_store
from syncer.feed import Feed, copies_of
from syncer.metrics import Metrics
from syncer.pair import Pair
from syncer.pipeline import Pipeline
from syncer.syncer import GATHER_SECONDS
from tests.contract.consistency import assert_consistent
from tests.contract.metadata_scenes import add, delete, make_record, save, various_records
from tests.feeds import file_changes
from tests.syncer.conftest import PAIRS
from tests.syncer.pairs import assert_equal, catch_up, make_syncer, numbered, sync

every_pair = pytest.mark.parametrize("urls", PAIRS, indirect=True)


def follow(pair: Pair, metrics: Metrics, *, batch: int) -> Pipeline:
    return Pipeline(pair, Feed(pair, metrics, batch=batch, mark=lambda sequence: None), metrics)


@every_pair
def test_every_change_reaches_the_target(pair: Pair) -> None:
    syncer = make_syncer(pair)
    records = add(pair.source, *various_records())
    catch_up(syncer)
    assert assert_equal(pair) == sorted(records, key=lambda r: (r.created_at, r.file_id))
    records = [save(pair.source, record, name=f"new {record.name}") for record in records]
    for record in records[::3]:
        delete(pair.source, record)
    catch_up(syncer)
    assert len(assert_equal(pair)) == len(records) - len(records[::3])
    with pytest.raises(RecordDeleted) as here:
        pair.source.get(records[0].file_id)
    with pytest.raises(RecordDeleted) as there:
        pair.target.get(records[0].file_id)
    assert there.value.tombstone == here.value.tombstone
    assert_consistent(pair.target)


@every_pair
def test_names_that_change_hands_are_where_they_belong(pair: Pair) -> None:
    syncer = make_syncer(pair)
    one, two = add(pair.source, make_record("f1", alias="x"), make_record("f2", alias="y"))
    catch_up(syncer)
    one = save(pair.source, one, alias=None)
    two = save(pair.source, two, alias="x")
    one = save(pair.source, one, alias="y")
    delete(pair.source, two)
    save(pair.source, one, alias="x")
    add(pair.source, make_record("f3", alias="y"))
    catch_up(syncer)
    assert pair.target.resolve("ann", "alias", ["x", "y"]) == ["f1", "f3"]
    assert_consistent(pair.target)


def test_a_batch_has_each_file_once_in_the_order_of_their_last_changes(pair: Pair) -> None:
    one, two = add(pair.source, make_record("f1"), make_record("f2"))
    one = save(pair.source, one, name="new")
    three = save(pair.source, make_record("f3"))
    tombstone = delete(pair.source, two)
    copies = copies_of(pair, file_changes(pair.source, after="", limit=100))
    assert copies == [one, three, tombstone]


def test_a_deleted_file_that_left_no_trace_is_no_copy(pair: Pair) -> None:
    delete(pair.source, save(pair.source, make_record("f1")))
    changes = file_changes(pair.source, after="", limit=100)
    memory = open_metadata_store("memory://")
    other = Pair(source=memory, target=pair.target, source_name="", name="")  # type: ignore[arg-type]
    assert copies_of(other, changes) == []


def test_batches_that_come_twice_or_late_do_no_harm(pair: Pair) -> None:
    records = add(pair.source, *numbered(30))
    records = [save(pair.source, record, name="second") for record in records]
    for record in records[:10]:
        delete(pair.source, record)
    changes = file_changes(pair.source, after="", limit=100)
    batches = [copies_of(pair, changes[start : start + 7]) for start in range(0, len(changes), 7)]
    sync(pair)
    for batch in [*batches, *reversed(batches)]:
        assert not any(pair.target.replicate(batch))
    assert len(assert_equal(pair)) == 20


def test_two_syncers_at_once_are_harmless(pair: Pair) -> None:
    add(pair.source, *numbered(50))
    sync(pair)
    records = add(pair.source, *numbered(50, start=50))
    one, other = (follow(pair, Metrics(), batch=20) for _ in range(2))
    assert other.look() == pair.source.checkpoint(pair.consumer)
    one.step()
    first = one.position
    save(pair.source, records[0], name="new")
    # The other one read before the first one moved the checkpoint.
    other.step()
    assert other.look() == first == pair.source.checkpoint(pair.consumer)
    while other.step():
        pass
    one.step()
    assert one.look() == other.position
    assert len(assert_equal(pair)) == 100


def test_only_one_of_two_syncers_copies_until_it_gives_up(pair: Pair) -> None:
    one, other = make_syncer(pair), make_syncer(pair)
    add(pair.source, *numbered(5))
    catch_up(one)
    assert other.step() > 0
    assert other.is_standby
    add(pair.source, *numbered(5, start=5))
    one.give_up()
    catch_up(other)
    assert len(assert_equal(pair)) == 10
    assert one.step() > 0
    assert one.is_standby


def test_few_changes_are_let_gather_and_many_are_not(pair: Pair) -> None:
    syncer = make_syncer(pair, batch=20)
    add(pair.source, *numbered(1))
    catch_up(syncer)
    add(pair.source, *numbered(24, start=1))
    assert [syncer.step(), syncer.step()] == [0, GATHER_SECONDS]
    assert not syncer.is_caught_up
    catch_up(syncer)
    assert len(assert_equal(pair)) == 25


def test_what_is_not_copied_is_not_trimmed(pair: Pair) -> None:
    add(pair.source, *numbered(10))
    sync(pair)
    add(pair.source, *numbered(10, start=10))
    pair.source.move_checkpoint("relay", expected="", sequence=pair.source.last_sequence())
    assert pair.source.trim_changes(limit=1_000) == 10
    sync(pair)
    assert pair.source.trim_changes(limit=1_000) == 10
    assert len(assert_equal(pair)) == 20


def test_the_lag_is_told(pair: Pair) -> None:
    metrics = Metrics()
    follower = follow(pair, metrics, batch=4)
    add(pair.source, *numbered(10))

    def value(name: str) -> float | None:
        return metrics.registry.get_sample_value(name)

    follower.step()
    assert value("syncer_lag_changes") == 10
    while follower.step():
        pass
    assert value("syncer_lag_changes") == 0
    assert value("syncer_lag_seconds") == 0
    assert value("syncer_batch_changes_sum") == 10
    assert metrics.registry.get_sample_value("syncer_copied_total", {"by": "feed"}) == 10
