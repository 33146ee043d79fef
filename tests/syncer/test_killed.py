"""A syncer that is killed at every point between two I/O operations loses nothing and leaves nothing half done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from storage_adapters import FileRecord, Tombstone
from syncer.feed import copies_of
from syncer.metrics import Metrics
from syncer.pair import Pair
from syncer.syncer import Syncer
from tests.contract.consistency import assert_consistent
from tests.contract.metadata_scenes import NOW, add, delete, make_record, save
from tests.faults.killing import Fuse, Run, run_and_kill
from tests.feeds import file_changes
from tests.scale import NIGHTLY
from tests.servers import couchdb, redis
from tests.syncer.pairs import assert_equal, catch_up, open_pair_of

MOST_POINTS = 1_000
# A syncer that was killed has its lease until it runs out; here that is soon.
LEASE_SECONDS = 0.002
CALLS = (
    *("get", "find", "usage", "unclean", "changes", "last_sequence", "checkpoint", "move_checkpoint"),
    *("digest", "bucket_revisions", "replicate", "discard", "acquire_lease", "release_lease"),
    *("identity", "read_note", "write_note", "has_changes_behind"),
)


def work_on(urls: tuple[str, str]) -> Callable[[Fuse], None]:
    """A run of a syncer until all is copied, in the process that is killed.

    It dies before, between and behind the calls of the two stores; what lies inside one of them is the business of
    the stores' own tests, apart from ``replicate``, of which any part may have been done.
    """

    def work(given: Fuse) -> None:
        fuse = Fuse(given._last)
        pair = open_pair_of(*urls)
        for store in (pair.source, pair.target):
            for name in CALLS:
                setattr(store, name, counted(fuse, name, getattr(store, name)))
        replicate = pair.target.replicate

        def in_parts(copies: Sequence[FileRecord | Tombstone]) -> list[bool]:
            return [*replicate(copies[:2]), *replicate(copies[2:])]

        setattr(pair.target, "replicate", in_parts)  # noqa: B010 - a method is replaced
        fuse.arm()
        syncer = Syncer(pair, Metrics(), batch=5, lease_seconds=LEASE_SECONDS, accepted=True)
        catch_up(syncer)
        syncer.give_up()
        fuse.burn()
        given.kinds = fuse.kinds

    return work


def counted(fuse: Fuse, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        fuse.burn(name)
        return call(*args, **kwargs)

    return wrapper


def prepare(pair: Pair) -> list[FileRecord]:
    """Files of all ages, whose changes the feed has partly forgotten."""
    records = add(pair.source, *(make_record(f"a{n}", created_at=NOW + n, alias=f"n{n}") for n in range(12)))
    delete(pair.source, records.pop())
    forget(pair)
    add(pair.source, make_record("b0", created_at=NOW + 50), make_record("b1", created_at=NOW + 51))
    pair.target.replicate([replace(make_record("stranger", alias="n3"), revision=2)])
    return records


def forget(pair: Pair) -> None:
    """Trim what the relay has passed; a syncer that needs it must have held it."""
    pair.source.move_checkpoint("relay", expected=pair.source.checkpoint("relay"), sequence=pair.source.last_sequence())
    pair.source.trim_changes(limit=1_000)


def go_on_writing(pair: Pair, records: list[FileRecord]) -> None:
    """Change, delete and make files; names change hands."""
    first, second = records[0], records[1]
    first = save(pair.source, first, alias=None)
    second = save(pair.source, second, alias="n0")
    save(pair.source, first, alias="n1")
    delete(pair.source, records[2])
    save(pair.source, records[3], size=7)
    add(pair.source, make_record("c0", created_at=NOW + 99, alias="n2"), make_record("c1", created_at=NOW - 5))
    forget(pair)


@pytest.fixture
def new_urls(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Any]:
    """Makes the URLs of two empty stores, as often as it is called, within a ``with``."""
    source, target = request.param.split()
    counted = iter(range(MOST_POINTS))

    def url_of(kind: str) -> Any:
        if kind == "sqlite":
            return closing(_Url(f"sqlite:///{tmp_path}/{next(counted)}.db"))
        throw_away = {"redis": redis.throw_away, "couchdb": couchdb.throw_away}[kind]
        return throw_away(request.getfixturevalue(f"{kind}_server_url"))

    return lambda: (url_of(source), url_of(target))


class _Url(str):
    __slots__ = ()

    def close(self) -> None:
        for path in Path(self.removeprefix("sqlite:///")).parent.glob(f"{Path(self).name}*"):
            path.unlink()


@pytest.mark.timeout(7_200 if NIGHTLY else 600)
@pytest.mark.parametrize("new_urls", ["redis sqlite", *(["redis couchdb"] if NIGHTLY else [])], indirect=True)
def test_a_syncer_killed_at_any_point_is_made_good_by_the_next(new_urls: Callable[[], Any]) -> None:
    points = list(sync_and_kill(new_urls, before=None).points())
    # The lease is renewed by the clock, so a run may have fewer calls than the first had, and survive.
    killed = [point for point in points if sync_and_kill(new_urls, before=point).killed]
    assert len(killed) > len(points) / 2


def sync_and_kill(new_urls: Callable[[], Any], *, before: int | None) -> Run:
    """Kill a syncer before one of its calls, let the next go on, and compare the stores."""
    source, target = new_urls()
    with source as source_url, target as target_url:
        urls = (str(source_url), str(target_url))
        pair = open_pair_of(*urls)
        records = prepare(pair)
        early: list[FileRecord | Tombstone] = copies_of(pair, file_changes(pair.source, after="", limit=5))
        run = run_and_kill(work_on(urls), before=before)
        go_on_writing(pair, records)
        pair.target.replicate(early)
        assert not run_and_kill(work_on(urls), before=None).killed
        assert len(assert_equal(pair)) == 14
        assert_consistent(pair.target)
        assert pair.target.resolve("ann", "alias", ["n0", "n1", "n2", "n3"]) == ["a1", "a0", "c0", "a3"]
        assert pair.source.checkpoint(pair.consumer) == pair.source.last_sequence()
        assert pair.source.checkpoint(pair.backfill_consumer) == ""
        pair.close()
    return run
