"""Counts of analytics are always those of a recount, wherever the worker that keeps them dies or is overtaken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from files_service.core import Core
from files_service.domain.accounts import tenant_of
from files_service.domain.analytics import (
    KINDS,
    SHOWN,
    beginning_of,
    day_of,
    days_until,
    kind_of,
    month_of,
    taken_at,
)
from files_service.services.analytics import counting, timeline
from files_service.services.analytics.documents import COLLECTION
from files_service.services.listing.router import Lists
from files_service.worker.analytics import CONSUMER, Analytics
from storage_adapters import Access, DocumentQuery, FileStatus, ListQuery, RevisionConflict, Version
from storage_adapters.metadata.memory import MemoryMetadataStore
from storage_adapters.ports import document_codec
from tests.clocks import Clock
from tests.unit.records import record

DAY = 86_400_000
START = 20_000 * DAY
OWNERS = ("ann", "ann@acme", "bob@acme", "x@y.example")
TYPES = ("image/png", "video/mp4", "text/plain; charset=utf-8", "application/zip", "application/x-unknown")
FILES = 8
# More calls of a store than a step makes of which a kill could leave something.
MOST_CALLS = 30

Counted = Counter[tuple[str, str, str, str]]


class Killed(BaseException):
    """The end of a process before a call of its store."""


@dataclass
class Interruption:
    """Something that happens before the n-th call of a store."""

    after_calls: int = 0
    act: Callable[[], None] | None = None

    def before_call(self) -> None:
        self.after_calls -= 1
        if self.act is not None and self.after_calls < 0:
            act, self.act = self.act, None
            act()


class World:
    """A memory store with files, and the workers that count them one after the other."""

    def __init__(self, core: Core) -> None:
        self.clock = Clock(START + 100 * DAY)
        self.store = MemoryMetadataStore()
        self.core = replace(
            core, metadata=self.store, lists=Lists(self.store, "memory"), clock=self.clock, timer=self.clock
        )
        self.interruption = Interruption()
        for name in (
            *("find", "changes", "checkpoint", "move_checkpoint", "has_changes_behind", "last_sequence"),
            *("stored_documents", "put_document", "find_documents", "acquire_lease"),
        ):
            setattr(self.store, name, self.interruptible(getattr(self.store, name)))
        self.workers = 0
        self.worker = self.new_worker()

    def interruptible(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.interruption.before_call()
            return method(*args, **kwargs)

        return call

    def new_worker(self) -> Analytics:
        self.workers += 1
        # The lease of one that died has run out.
        self.clock.pass_seconds(60)
        return Analytics(self.core, holder=str(self.workers))

    def save(self, number: int, owner: int, day: int, kind: int, access: int, size: int) -> None:
        """Make a file, or change what may change of it; one that was removed stays so."""
        file_id = f"F{number}"
        captured_at = (None, START - 70 * DAY, START + 2 * DAY, START + 999 * DAY)[size % 4]
        changing = {"content_type": TYPES[kind], "access": list(Access)[access], "size": size}
        changing["captured_at"] = captured_at
        made = record(file_id=file_id, owner=OWNERS[owner], created_at=START + day * DAY, revision=0)
        before = next((each for each in self.records() if each.file_id == file_id), made)
        # Its id is never used again.
        with suppress(RevisionConflict):
            self.store.save(
                replace(before, **changing), expected_revision=before.revision, changed_at=START, event="updated"
            )

    def change(self, number: int, trashed: bool, versions: int) -> None:
        """Move a file to the trash or back, and give it so many former contents."""
        for each in self.records():
            if each.file_id == f"F{number}":
                former = tuple(
                    Version(version_id=f"v{n}", parts=each.parts, size=n, content_type="a/b", created_at=START)
                    for n in range(versions)
                )
                changed = replace(each, trashed_at=START if trashed else None, versions=former)
                self.store.save(changed, expected_revision=each.revision, changed_at=START, event="updated")

    def remove(self, number: int) -> None:
        for each in self.records():
            if each.file_id == f"F{number}":
                self.store.delete(
                    each.file_id, expected_revision=each.revision, deleted_at=START, event="removed", clean_after=None
                )

    def records(self) -> list[Any]:
        return list(self.store._records.values())

    def step(self) -> None:
        self.worker.step()

    def die(self, calls: int) -> None:
        """Kill the worker before so many calls of the store; another one takes over."""
        self.interruption = Interruption(calls, self.killed)
        with suppress(Killed):
            self.worker.step()
        self.interruption = Interruption()
        self.worker = self.new_worker()

    def killed(self) -> None:
        raise Killed

    def overtake(self, calls: int) -> None:
        """Let the worker sleep in a step for so long that another takes its lease, counts, and is followed by it."""
        other = self.new_worker()

        def act() -> None:
            self.clock.pass_seconds(60)
            for _ in range(3):
                other.step()

        self.interruption = Interruption(calls, act)
        self.worker.step()
        self.interruption = Interruption()
        self.clock.pass_seconds(60)
        self.worker, other = other, self.worker
        other.step()

    def trim(self) -> None:
        """Lose the checkpoint and the changes that were read, as after an upgrade."""
        self.store.move_checkpoint(CONSUMER, expected=self.store.checkpoint(CONSUMER), sequence="")
        self.store.move_checkpoint("relay", expected="", sequence=self.store.last_sequence() or "0")
        self.store.trim_changes(limit=1_000)
        self.store.move_checkpoint("relay", expected=self.store.checkpoint("relay"), sequence="")

    def settle(self) -> None:
        self.clock.pass_seconds(60)
        for _ in range(40):
            self.worker.step()

    def recounted(self) -> tuple[Counted, Counted]:
        """The files and bytes of each scope by day and key."""
        files, sizes = Counted(), Counted()
        for each in self.records():
            key = "trash" if each.trashed_at else f"{kind_of(each.content_type)}/{each.access.value}"
            adds = [(key, each.size), *(("versions", former.size) for former in each.versions)]
            for scope in (("owner", each.owner), ("tenant", tenant_of(each.owner)), ("all", "")):
                for name, size in adds:
                    files[*scope, day_of(each.created_at), name] += 1
                    sizes[*scope, day_of(each.created_at), name] += size
        return files, +sizes

    def counted(self) -> tuple[Counted, Counted]:
        """The same, from the documents."""
        files, sizes = Counted(), Counted()
        query = DocumentQuery(collection=COLLECTION, limit=1_000)
        for document in self.store.find_documents(query, now=self.clock()).documents:
            scope = document.body["scope"], document.body["name"]
            for day, tallies in document.body.get("days", {}).items():
                for key, (count, size) in tallies.items():
                    files[*scope, day, key] += count
                    sizes[*scope, day, key] += size
        return files, +sizes

    def summed(self) -> tuple[Counted, Counted]:
        """The documents of whole months, which must be the sum of their days."""
        files, sizes = Counted(), Counted()
        query = DocumentQuery(collection=COLLECTION, limit=1_000)
        for document in self.store.find_documents(query, now=self.clock()).documents:
            scope = document.body["scope"], document.body["name"]
            for month, tallies in document.body.get("months", {}).items():
                for key, (count, size) in tallies.items():
                    files[*scope, month, key] += count
                    sizes[*scope, month, key] += size
        return files, +sizes

    def captured(self) -> list[Counter[tuple[str, ...]]]:
        """The pictures and videos of owners that were taken in other months, by day and by month, and as counted."""
        by_day, by_month, days, months = Counter(), Counter(), Counter(), Counter()  # type: ignore[var-annotated]
        for each in self.records():
            day, taken = day_of(each.created_at), day_of(taken_at(each))[:7]
            if kind_of(each.content_type) in SHOWN and each.trashed_at is None and taken != day[:7]:
                by_day[each.owner, day, f"{taken}/{kind_of(each.content_type)}"] += 1
        for (owner, day, key), number in by_day.items():
            by_month[owner, day[:7], key] += number
        query = DocumentQuery(collection=COLLECTION, limit=1_000)
        for document in self.store.find_documents(query, now=self.clock()).documents:
            held = days if "days" in document.body else months
            for when, tallies in document.body.get("captured", {}).items():
                for key, (count, _) in tallies.items():
                    held[document.body["name"], when, key] += count
        return [by_day, days, by_month, months]

    def require_exact(self) -> None:
        made, counted_days, in_months, counted_months = self.captured()
        assert (counted_days, counted_months) == (made, in_months)
        assert self.counted() == self.recounted()
        by_month = []
        for counted in self.recounted():
            months = Counted()
            for (kind, name, day, key), number in counted.items():
                months[kind, name, day[:7], key] += number
            by_month.append(months)
        assert self.summed() == tuple(by_month)


numbers = st.integers
save = st.tuples(
    st.just("save"),
    *(numbers(0, most) for most in (FILES, len(OWNERS) - 1, 40, len(TYPES) - 1, len(Access) - 1, 3)),
)
steps = st.one_of(
    save,
    save,
    save,
    st.tuples(st.just("change"), numbers(0, FILES), st.booleans(), numbers(0, 2)),
    st.tuples(st.just("remove"), numbers(0, FILES)),
    st.tuples(st.just("step")),
    st.tuples(st.just("die"), numbers(0, MOST_CALLS)),
    st.tuples(st.just("overtake"), numbers(0, MOST_CALLS)),
    st.tuples(st.just("trim")),
)


@given(story=st.lists(steps, max_size=30), held=st.sampled_from([0, 3, 50_000]))
def test_the_counts_are_those_of_a_recount_whatever_happens(
    story: list[tuple[Any, ...]], held: int, bare_core: Core
) -> None:
    world = World(bare_core)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "MOST_HELD", held)
        for name, *arguments in story:
            getattr(world, name)(*arguments)
        world.settle()
    world.require_exact()


@pytest.fixture(scope="module")
def bare_core(tmp_path_factory: pytest.TempPathFactory) -> Core:
    """A core whose store each story replaces."""
    from tests.cores import memory_core

    return memory_core(tmp_path_factory.mktemp("data"))


@pytest.mark.parametrize("calls", range(MOST_CALLS))
def test_a_count_of_all_files_that_is_killed_goes_on(bare_core: Core, calls: int) -> None:
    world = World(bare_core)
    for number in range(6):
        world.save(number, number % 4, number // 2, number % 5, 0, number)
    world.settle()
    world.require_exact()
    world.remove(0)
    world.save(1, 1, 0, 3, 2, 77)
    world.trim()
    world.worker.step()
    world.die(calls)
    world.save(9, 2, 3, 0, 1, 5)
    world.settle()
    world.require_exact()


def test_a_step_costs_no_more_with_more_files_of_other_days(bare_core: Core) -> None:
    world = World(bare_core)
    costs = []
    for number in range(40):
        world.save(number, 0, number // 20, 0, 0, 1)
        calls = [0]
        world.interruption = Interruption(10**9, lambda: None)
        world.worker.step()
        calls[0] = 10**9 - world.interruption.after_calls
        costs.append(calls[0])
    assert max(costs[21:]) <= max(costs[1:20])


def test_files_taken_in_very_many_months_stop_no_count(bare_core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document_codec, "BODY_BYTES", 2_000)
    monkeypatch.setattr(counting, "MOST_CAPTURED", 20)
    world = World(bare_core)
    for number in range(100):
        made = record(
            file_id=f"f{number}",
            owner="ann",
            created_at=START + number % 2 * DAY,
            content_type="image/png",
            captured_at=START - (number + 2) * 31 * DAY,
            status=FileStatus.PROCESSED,
        )
        world.store.save(made, expected_revision=0, changed_at=START, event="created")
    worker = Analytics(world.core, holder="one")
    for _ in range(5):
        worker.step()
    found = timeline.months(world.core, "ann", SHOWN, actor="ann")
    assert sum(each["count"] for each in found) == 100
    world.store.save(
        replace(world.store.get("f0"), captured_at=None), expected_revision=1, changed_at=START, event="updated"
    )
    world.clock.pass_seconds(60)
    worker.step()
    assert sum(each["count"] for each in timeline.months(world.core, "ann", SHOWN, actor="ann")) == 100


def test_kinds_of_content_types() -> None:
    kinds = {
        "image/heic": "image",
        "video/quicktime": "video",
        "audio/flac": "audio",
        "application/pdf": "document",
        "text/csv; charset=utf-8": "document",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "document",
        "application/zip": "archive",
        "application/x-7z-compressed": "archive",
        "application/octet-stream": "other",
        "font/woff2": "other",
        "applicationpdf": "other",
    }
    assert {each: kind_of(each) for each in kinds} == kinds
    assert set(kinds.values()) == set(KINDS)


def test_the_time_of_a_file_is_that_of_its_capture_where_a_camera_can_know_it() -> None:
    made = record(created_at=START)
    for captured_at in (START - 1, 0, -1, START + DAY - 1, beginning_of("1800-01-01")):
        assert taken_at(replace(made, captured_at=captured_at)) == captured_at
    for unknown in (None, START + DAY, beginning_of("1800-01-01") - 1):
        assert taken_at(replace(made, captured_at=unknown)) == START
    times = (beginning_of("1969-12-31"), beginning_of("1800-01-01"), -(10**18), 10**18)
    assert [month_of(each) for each in times] == ["1969-12", "1800-01", "1800-01", "9999-12"]


def test_days() -> None:
    assert day_of(beginning_of("2024-02-29")) == "2024-02-29"
    assert day_of(beginning_of("2024-03-01") - 1) == "2024-02-29"
    assert days_until(beginning_of("2024-03-01"), 3) == ["2024-02-28", "2024-02-29", "2024-03-01"]
    assert day_of(10**18) == "9999-12-31"


def test_the_files_of_a_day_are_found_to_the_millisecond(bare_core: Core) -> None:
    world = World(bare_core)
    for number, time in enumerate((-1, 0, DAY - 1, DAY)):
        made = record(file_id=f"F{number}", created_at=START + time, revision=0)
        world.store.save(made, expected_revision=0, changed_at=START, event="created")
    found = counting.files_of_day(world.core, "ann", day_of(START))
    assert [each.file_id for each in found] == ["F1", "F2"]
    assert len(world.store.find(ListQuery(limit=9)).records) == 4
