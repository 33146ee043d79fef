"""A source that came back as another, and a target that did: nothing is removed, and nothing false is answered."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from storage_adapters import (
    BEHIND,
    FOLLOWING,
    MARK,
    UNMARKED,
    CopyMark,
    StorageUnavailable,
    copy_state,
    open_metadata_store,
    sync_name,
)
from syncer.backfill import hold_feed
from syncer.options import Exit
from syncer.pair import Pair, pair_of, replica
from syncer.syncer import Syncer
from tests.contract.metadata_scenes import add, delete, save
from tests.servers.redis import RedisServer, raw
from tests.syncer.pairs import all_records, assert_equal, catch_up, make_syncer, numbered, open_pair_of, sync
from tests.syncer.processes import SyncerProcess, run_syncer
from tests.waiting import PATIENCE_SECONDS, wait_until

TARGETS = pytest.mark.parametrize("kind", ["sqlite", "couchdb"])


@pytest.fixture
def target_url(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    if kind == "sqlite":
        return f"sqlite:///{tmp_path}/copy.db"
    return f"{request.getfixturevalue('own_couchdb').url}/copy?timeout=60"


@pytest.fixture
def pair(own_redis: RedisServer, tmp_path: Path) -> Iterator[Pair]:
    with closing(open_pair_of(own_redis.url, f"sqlite:///{tmp_path}/copy.db")) as pair:
        yield pair


def state_of_copy(pair: Pair) -> str:
    return copy_state(pair.source, pair.target, pair.consumer, pair.backfill_consumer)


def refused(syncer: Syncer) -> bool:
    return syncer.step() > 0 and not syncer.is_caught_up and syncer._metrics.refused._value.get() == 1


def status_of(*urls: str) -> Any:
    return json.loads(run_syncer("status", "--json", "--source", urls[0], "--target", urls[1]).stdout)


@TARGETS
def test_a_redis_that_restarts_empty_does_not_empty_the_list_store(
    own_redis: RedisServer, target_url: str, tmp_path: Path
) -> None:
    process = SyncerProcess(tmp_path, own_redis.url, target_url)
    with closing(open_pair_of(own_redis.url, target_url)) as pair:
        add(pair.source, *numbered(20))
        process.start()
        try:
            wait_until(lambda: state_of_copy(pair) == FOLLOWING, seconds=PATIENCE_SECONDS)
            with raw(own_redis.url) as client:
                client.flushall()
            process.wait_for_log("the syncer stopped")
            assert status_of(own_redis.url, target_url)["state"] == "stopped"
            urls = ("--source", own_redis.url, "--target", target_url)
            assert "there is no store" in run_syncer("once", *urls).stderr
            # Nothing has marked it as new: what is written to it would be lost once more.
            with pytest.raises(StorageUnavailable, match="was emptied"):
                add(pair.source, *numbered(1))
            open_metadata_store(own_redis.url).close()
            add(pair.source, *numbered(2, start=100))
            refused_ones: list[Any] = []

            def was_refused() -> bool:
                # Now and then the stopped syncer has the lease, to look whether it may go on.
                refused_ones.append(run_syncer("once", *urls))
                return bool(refused_ones[-1].returncode != Exit.LEASE_HELD)

            wait_until(was_refused, seconds=PATIENCE_SECONDS)
            refusal = refused_ones[-1]
            assert (refusal.returncode, "--accept-empty-source" in refusal.stderr) == (Exit.REFUSED, True)
            assert {f"f{number:06}" for number in range(20)} <= {record.file_id for record in all_records(pair.target)}
            assert run_syncer("backfill", "--accept-empty-source", *urls).returncode == Exit.DONE
            wait_until(lambda: state_of_copy(pair) == FOLLOWING, seconds=PATIENCE_SECONDS)
            assert len(assert_equal(pair)) == 2
            assert process.stop() == Exit.DONE
        finally:
            process.kill()


def test_a_source_that_is_empty_when_the_syncer_starts_is_refused(pair: Pair, own_redis: RedisServer) -> None:
    add(pair.source, *numbered(10))
    sync(pair)
    with raw(own_redis.url) as client:
        client.flushall()
    assert refused(make_syncer(pair))
    assert pair.target.usage(None).total.files == 10


def test_an_unmarked_copy_of_a_source_that_lost_everything_is_refused(pair: Pair, own_redis: RedisServer) -> None:
    # As after an upgrade: neither side has a mark.
    add(pair.source, *numbered(10))
    sync(pair)
    unmark(pair)
    with raw(own_redis.url) as client:
        client.flushall()
    assert refused(make_syncer(pair))
    assert pair.target.usage(None).total.files == 10


def unmark(pair: Pair) -> None:
    """Leave the target as one that was filled before there were marks, or was made anew."""
    with closing(sqlite3.connect(pair.name.removeprefix("sqlite:///"))) as target:
        target.execute("DELETE FROM journal WHERE name = ?", (MARK,))
        target.commit()


def test_a_copy_from_before_there_were_marks_is_marked_when_it_is_equal(pair: Pair) -> None:
    add(pair.source, *numbered(10))
    sync(pair)
    unmark(pair)
    assert state_of_copy(pair) == UNMARKED
    sync(pair)
    assert state_of_copy(pair) == FOLLOWING


def test_a_target_that_was_emptied_is_filled_anew(pair: Pair, tmp_path: Path) -> None:
    add(pair.source, *numbered(10))
    syncer = make_syncer(pair)
    catch_up(syncer)
    pair.target.discard([f"f{number:06}" for number in range(10)])
    unmark(pair)
    save(pair.source, pair.source.get("f000003"), name="x")
    wait_until(lambda: bool(syncer.step()) and state_of_copy(pair) == FOLLOWING, seconds=PATIENCE_SECONDS)
    assert len(assert_equal(pair)) == 10


def test_two_that_fill_a_target_in_the_same_moment_both_go_on(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    add(pair.source, *numbered(10))
    sync(pair)
    pair.target.discard([f"f{number:06}" for number in range(10)])
    unmark(pair)
    last_sequence, meanwhile = pair.source.last_sequence, iter((1,))

    def found_by_another() -> str:
        found = last_sequence()
        for _ in meanwhile:
            hold_feed(pair, "", prune=False)
        return found

    monkeypatch.setattr(pair.source, "last_sequence", found_by_another)
    syncer = make_syncer(pair)
    wait_until(lambda: bool(syncer.step()) and state_of_copy(pair) == FOLLOWING, seconds=PATIENCE_SECONDS)
    assert len(assert_equal(pair)) == 10


def test_a_target_from_an_old_backup_is_filled_anew_and_loses_what_was_deleted(pair: Pair) -> None:
    records = add(pair.source, *numbered(10))
    sync(pair)
    mark = pair.target.read_note(MARK)
    delete(pair.source, records[0])
    add(pair.source, *numbered(3, start=50))
    sync(pair)
    # The backup has the mark and the files of then.
    pair.target.replicate([records[0]], force=True)
    pair.target.discard([f"f{number:06}" for number in range(50, 53)])
    assert pair.target.write_note(MARK, expected=pair.target.read_note(MARK), text=mark)
    assert state_of_copy(pair) == BEHIND
    sync(pair)
    assert len(assert_equal(pair)) == 12


def test_a_target_of_another_source_is_refused(pair: Pair, tmp_path: Path) -> None:
    add(pair.source, *numbered(10))
    sync(pair)
    url = f"sqlite:///{tmp_path}/other.db"
    with closing(open_metadata_store(url)) as other:
        add(other, *numbered(3, start=500))
        strange = pair_of(other, pair.target, source_name=sync_name(url), name=pair.name)
        assert refused(make_syncer(strange))
        assert pair.target.usage(None).total.files == 10
        catch_up(make_syncer(strange, accepted=True))
        assert len(assert_equal(strange)) == 3


@pytest.mark.parametrize("loss", ["trimmed", "short"])
def test_a_source_that_lacks_the_position_is_refused(pair: Pair, own_redis: RedisServer, loss: str) -> None:
    add(pair.source, *numbered(10))
    sync(pair)
    with raw(own_redis.url) as client:
        if loss == "short":
            client.delete("{files}feed")
        else:
            add(pair.source, *numbered(5, start=20))
            client.xtrim("{files}feed", maxlen=2, approximate=False)
    assert refused(make_syncer(pair))
    assert pair.target.usage(None).total.files == 10
    catch_up(make_syncer(pair, accepted=True))
    assert_equal(pair)


def test_a_source_that_is_far_smaller_is_refused_and_one_that_removed_much_is_not(
    pair: Pair, own_redis: RedisServer
) -> None:
    records = add(pair.source, *numbered(20))
    sync(pair)
    for record in records[:15]:
        delete(pair.source, record)
    sync(pair)
    assert pair.target.usage(None).total.files == 5
    # Not deleted by anybody.
    replica(pair.source).discard([record.file_id for record in records[15:]])
    assert refused(make_syncer(pair))
    assert pair.target.usage(None).total.files == 5


def test_what_the_source_never_had_is_left_until_it_is_accepted(pair: Pair) -> None:
    add(pair.source, *numbered(10))
    sync(pair)
    pair.target.replicate(numbered(1, start=70))
    syncer = make_syncer(pair)
    while not syncer.is_caught_up:
        syncer.fill()
    assert pair.target.usage(None).total.files == 11


def test_a_target_that_is_exchanged_during_a_backfill_is_filled_from_the_beginning(pair: Pair) -> None:
    add(pair.source, *numbered(40))
    syncer = make_syncer(pair, batch=10)
    syncer.step()
    syncer.step()
    pair.target.discard([f"f{number:06}" for number in range(40)])
    unmark(pair)
    syncer.give_up()
    catch_up(make_syncer(pair, batch=10))
    assert len(assert_equal(pair)) == 40
    mark = CopyMark.from_text(pair.target.read_note(MARK))
    assert mark == CopyMark(source=pair.source.identity(), checkpoint=pair.source.last_sequence())
