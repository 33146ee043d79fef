"""Names in CouchDB stay unique whenever a writer is stopped, goes on too late, or never."""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Callable

import pytest

from storage_adapters import FileRecord, NameTaken, RevisionConflict
from storage_adapters.metadata.couchdb import CouchMetadataStore, names
from storage_adapters.metadata.couchdb.keys import name_digest
from tests.adapters.couchdb_servers import assert_intact, before_each_request, opened
from tests.contract.blob_scenes import in_threads
from tests.contract.document_scenes import make_document, put
from tests.contract.metadata_scenes import delete, make_record, save

# The server that tests can install is not a fast one.
pytestmark = pytest.mark.timeout(600)

MOST_POINTS = 60
SECONDS = 300


@pytest.fixture(autouse=True)
def _short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """So short that writers who are only slow are overtaken as well."""
    monkeypatch.setattr(names, "PATIENCE_SECONDS", 0.02)


class Pause:
    """Stops a thread before its n-th request until it may go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stopped, self._go_on = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._countdown = 0
        self.result: object = None
        before_each_request(monkeypatch, self._wait)

    def run(self, work: Callable[[], object], *, until: int) -> bool:
        """Begin some work in a thread; whether it stopped before its n-th request, and did not end before."""

        def whole() -> None:
            try:
                self.result = work()
            except (NameTaken, RevisionConflict) as error:
                self.result = error
            finally:
                self.stopped.set()

        self._countdown = until
        self._thread = threading.Thread(target=whole)
        self._thread.start()
        assert self.stopped.wait(SECONDS)
        return self.result is None

    def finish(self) -> object:
        """Let the work go on to its end."""
        self._go_on.set()
        assert self._thread is not None
        self._thread.join(SECONDS)
        return self.result

    def _wait(self) -> None:
        if threading.current_thread() is self._thread:
            self._countdown -= 1
            if self._countdown == 0:
                self.stopped.set()
                assert self._go_on.wait(SECONDS)


def saved_or_refused(store: CouchMetadataStore, record: FileRecord) -> FileRecord | NameTaken:
    """Save a record whose names another one may have."""
    try:
        return save(store, record)
    except NameTaken as error:
        return error


@pytest.mark.parametrize("kind", ["new", "renamed", "returning"])
def test_a_writer_that_goes_on_too_late_never_makes_a_second_bearer(
    couchdb_url: str, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Before each of its requests in turn, it is stopped while another writer claims the same name, and goes on."""
    outcomes = set()
    with opened(couchdb_url) as store, opened(couchdb_url) as other:
        for point in itertools.count(1):
            assert point < MOST_POINTS
            slow, fast, name = f"slow{point}", f"fast{point}", f"film {point}"
            record = make_record(slow, alias=name)
            if kind != "new":
                record = save(store, make_record(slow, alias=name if kind == "returning" else None))
            if kind == "returning":
                record = save(store, record, alias=None)
            with monkeypatch.context() as patch:
                pause = Pause(patch)
                stopped = pause.run(lambda: save(store, record, alias=name), until=point)  # noqa: B023 - at once
                first = saved_or_refused(other, make_record(fast, alias=name))
                second = pause.finish()
            winners = [each for each in (first, second) if isinstance(each, FileRecord)]
            losers = [each for each in (first, second) if isinstance(each, NameTaken)]
            assert (len(winners), len(losers)) == (1, 1), (point, first, second)
            assert losers[0].file_id == winners[0].file_id
            assert store.resolve("ann", "alias", [name]) == [winners[0].file_id]
            outcomes.add(winners[0].file_id.startswith("slow"))
            if not stopped:
                break
    assert outcomes == {True, False}
    assert_intact(couchdb_url)


@pytest.mark.parametrize("kind", ["alias", "path", "request_id"])
def test_a_stale_writer_of_a_file_does_not_give_away_the_name_that_another_writer_of_it_claims(
    couchdb_url: str, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A writer is stopped before each request; one over a former revision and one of another file want the name."""
    with opened(couchdb_url) as store, opened(couchdb_url) as late, opened(couchdb_url) as other:
        for point in itertools.count(1):
            assert point < MOST_POINTS
            name = {kind: f"film {point}"}
            save(store, make_record(f"slow{point}"))
            stale = late.get(f"slow{point}")
            record = save(store, stale, tags=("red",))
            with monkeypatch.context() as patch:
                pause = Pause(patch)
                stopped = pause.run(lambda: save(store, record, **name), until=point)  # noqa: B023 - at once
                with pytest.raises(RevisionConflict):
                    save(late, stale, **name)
                rival = saved_or_refused(other, make_record(f"fast{point}", **name))
                results = [pause.finish(), rival]
            assert sorted(type(each).__name__ for each in results) == ["FileRecord", "NameTaken"], (point, results)
            if not stopped:
                break
    assert_intact(couchdb_url)


def test_a_stale_writer_of_a_document_does_not_give_away_the_name_that_another_writer_of_it_claims(
    couchdb_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As above; the one over a former revision is stopped right behind its reading."""
    with opened(couchdb_url) as store, opened(couchdb_url) as late, opened(couchdb_url) as other:
        for point in itertools.count(1):
            assert point < MOST_POINTS
            wanted = (f"name {point}",)
            first = put(store, make_document(f"slow{point}"))
            with monkeypatch.context() as patch:
                reading, writing = Pause(patch), Pause(patch)
                assert reading.run(lambda: put(late, first, names=wanted), until=2)  # noqa: B023 - called at once
                second = put(store, first, order="b")
                stopped = writing.run(lambda: put(store, second, names=wanted), until=point)  # noqa: B023
                assert isinstance(reading.finish(), RevisionConflict)
                try:
                    rival: object = put(other, make_document(f"fast{point}", names=wanted))
                except NameTaken as error:
                    rival = error
                results = [writing.finish(), rival]
            assert sorted(type(each).__name__ for each in results) == ["Document", "NameTaken"], (point, results)
            if not stopped:
                break


def reserved(store: CouchMetadataStore) -> set[str]:
    return {each["_id"].removeprefix("name-") for each in store._locks.with_prefix("name-")}


def test_reservations_of_names_that_nothing_has_any_more_are_removed(couchdb_url: str) -> None:
    with opened(couchdb_url) as store:
        kept = save(store, make_record("kept", alias="kept"))
        renamed = save(store, save(store, make_record("renamed", alias="old")), alias="new")
        for number in range(5):
            delete(store, save(store, make_record(f"f{number}", alias=f"gone {number}")))
        put(store, put(store, make_document("one", names=("old",))), names=("new",))
        before = len(reserved(store))
        for _ in range(before):
            store.trim_changes(limit=3)
        of_documents = {name_digest("document", "accounts", "new")}
        assert reserved(store) == {name_digest("alias", "ann", each) for each in ("kept", "new")} | of_documents
        assert len(reserved(store)) == before - 7
        for number, name in enumerate(("kept", "new")):
            with pytest.raises(NameTaken):
                save(store, make_record(f"other{number}", alias=name))
        assert store.resolve("ann", "alias", ["kept", "new", "old"]) == [kept.file_id, renamed.file_id, None]
        save(store, make_record("next", alias="gone 3"))
    assert_intact(couchdb_url)


@pytest.mark.parametrize("has_reservation", [True, False])
def test_a_writer_that_is_refused_one_name_leaves_nothing_of_the_others(
    couchdb_url: str, monkeypatch: pytest.MonkeyPatch, has_reservation: bool
) -> None:
    """A caller that gives another alias with the same request id waits for nobody."""
    monkeypatch.setattr(names, "PATIENCE_SECONDS", float("inf"))
    with opened(couchdb_url) as store:
        save(store, make_record("first", alias="taken"))
        if not has_reservation:
            names._remove(store._locks, store._locks.with_prefix("name-"))
        before = reserved(store)
        for number in range(3):
            with pytest.raises(NameTaken):
                save(store, make_record(f"refused{number}", alias="taken", request_id="once"))
            assert reserved(store) == before
        save(store, make_record("second", alias="free", request_id="once"))
        assert store._files.get("refused0") is None
    assert_intact(couchdb_url)


def test_impatient_writers_of_a_few_names_never_bear_one_twice(couchdb_url: str) -> None:
    finished = threading.Event()
    wanted = [f"film {number}" for number in range(3)]
    digests = [name_digest("alias", "ann", name) for name in wanted]

    def work(number: int) -> int:
        chance = random.Random(number)
        with opened(couchdb_url) as store:
            if number == 0:
                return watch(store)
            record = save(store, make_record(f"f{number}"))
            taken = 0
            for round_number in range(25):
                try:
                    record = save(store, record, alias=chance.choice([*wanted, None]))
                    taken += record.alias is not None
                except NameTaken:
                    continue
                if round_number % 10 == 9:
                    delete(store, record)
                    record = save(store, make_record(f"f{number}-{round_number}"))
            return taken

    def watch(store: CouchMetadataStore) -> int:
        looks = 0
        while not finished.is_set():
            looks += 1
            bearers = names.holders_of(store._files, digests)
            assert all(len(each) <= 1 for each in bearers.values()), bearers
            store.trim_changes(limit=2)
        return looks

    watching: list[object] = []
    watcher = threading.Thread(target=lambda: watching.extend(in_threads(1, work)))
    watcher.start()
    taken = in_threads(5, lambda each: work(each + 1))
    finished.set()
    watcher.join(SECONDS)
    for count in (*watching, *taken):
        assert isinstance(count, int), count
    # One writer of several may come too late for every name; the watcher and the writers together may not.
    assert watching != [0]
    assert set(taken) != {0}
    assert_intact(couchdb_url)
