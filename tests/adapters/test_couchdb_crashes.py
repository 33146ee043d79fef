"""A writer to CouchDB dies between any two requests: what it wrote is there wholly or not at all, and told once.

Nothing of a store lives on beside its documents, so that a writer that is stopped and thrown away is one that died.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest

from storage_adapters import CheckpointConflict, NameTaken, RecordNotFound, StorageError
from storage_adapters.metadata.couchdb import CouchMetadataStore, names
from tests.adapters.couchdb_servers import assert_intact, killed_before, opened
from tests.contract.metadata_scenes import NOW, delete, make_record, save
from tests.feeds import file_changes

# The server that tests can install is not a fast one.
pytestmark = pytest.mark.timeout(600)

Scene = Callable[[CouchMetadataStore, int], None]
MOST_POINTS = 60


@pytest.fixture(autouse=True)
def _short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks of the dead are waited for; how long is no matter here."""
    monkeypatch.setattr(names, "PATIENCE_SECONDS", 0.05)


def refusal(call: Callable[[], object]) -> StorageError | None:
    """What a call raised, if anything."""
    try:
        call()
    except StorageError as error:
        return error
    return None


def create(store: CouchMetadataStore, number: int) -> None:
    names = {"alias": f"new {number}", "request_id": f"r{number}", "path": f"new/{number}"}
    save(store, make_record(f"n{number}", **names))


def change(store: CouchMetadataStore, number: int) -> None:
    save(store, store.get(f"f{number}"), name="changed", trashed_at=NOW)


def rename(store: CouchMetadataStore, number: int) -> None:
    save(store, store.get(f"f{number}"), alias=f"new {number}", path=f"new/{number}")


def remove(store: CouchMetadataStore, number: int) -> None:
    delete(store, store.get(f"f{number}"))


def clean(store: CouchMetadataStore, number: int) -> None:
    delete(store, store.get(f"f{number}"))
    store.mark_clean(f"f{number}")


@pytest.mark.parametrize("scene", [create, change, rename, remove, clean])
def test_a_writer_that_dies_anywhere_leaves_whole_writes_that_are_told(
    couchdb_url: str, monkeypatch: pytest.MonkeyPatch, scene: Scene
) -> None:
    for point in itertools.count(1):
        assert point < MOST_POINTS
        with opened(couchdb_url) as store:
            save(store, make_record(f"f{point}", alias=f"old {point}", path=f"old/{point}"))
        with opened(couchdb_url) as store:
            survived = not killed_before(monkeypatch, point, lambda: scene(store, point))  # noqa: B023 - called at once
        if survived:
            break
        if point % 3 == 0:
            assert_intact(couchdb_url)
    assert point > 2
    assert_intact(couchdb_url)
    with opened(couchdb_url) as store:
        # Whatever the dead held can be had by others: no lock outlives its holder.
        for index in range(1, point + 1):
            names = {"alias": f"new {index}", "request_id": f"r{index}", "path": f"new/{index}"}
            heir = make_record(f"heir {index}", **names)
            taken = refusal(lambda: save(store, heir))  # noqa: B023 - called at once
            if taken is not None:
                assert isinstance(taken, NameTaken)
                assert taken.file_id in (f"n{index}", f"f{index}")
                assert store.resolve("ann", taken.kind, [taken.name]) == [taken.file_id]
    assert_intact(couchdb_url)


def test_a_dead_writer_of_a_new_file_does_not_keep_others_from_its_id(
    couchdb_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for point in itertools.count(1):
        with opened(couchdb_url) as store:
            survived = not killed_before(monkeypatch, point, lambda: create(store, point))  # noqa: B023 - called at once
        with opened(couchdb_url) as store:
            taken = refusal(lambda: save(store, make_record(f"heir {point}", alias=f"new {point}")))  # noqa: B023
            if taken is None:
                with pytest.raises(RecordNotFound):
                    store.get(f"n{point}")
                save(store, make_record(f"n{point}", request_id=f"r{point}"))
            else:
                assert isinstance(taken, NameTaken)
                assert taken.file_id == f"n{point}"
                assert store.get(f"n{point}").alias == f"new {point}"
        if survived:
            break
    assert_intact(couchdb_url)


def test_an_installation_that_dies_anywhere_is_finished_by_the_next(
    couchdb_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for point in itertools.count(1):
        assert point < MOST_POINTS
        if not killed_before(monkeypatch, point, lambda: CouchMetadataStore.from_url(couchdb_url).close()):
            break
    with opened(couchdb_url) as store:
        save(store, make_record())
    assert len(assert_intact(couchdb_url)) == 1


def test_a_reader_of_the_feed_that_dies_anywhere_loses_and_repeats_nothing(
    couchdb_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for point in itertools.count(1):
        assert point < MOST_POINTS
        with opened(couchdb_url) as store:
            # The record is written, its entry is not: for a reader to do.
            record = save(store, make_record(f"f{point}"))
            killed_before(monkeypatch, 2, lambda: save(store, record))  # noqa: B023 - called at once
            survived = not killed_before(monkeypatch, point, lambda: file_changes(store, after="", limit=1_000))
        if survived:
            break
    with opened(couchdb_url) as store:
        told = [(change.file_id, change.revision) for change in file_changes(store, after="", limit=1_000)]
    assert sorted(told) == sorted((f"f{n}", revision) for n in range(1, point + 1) for revision in (1, 2))
    assert_intact(couchdb_url)


def test_trimming_that_dies_anywhere_is_finished_by_the_next(couchdb_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(couchdb_url) as store:
        for number in range(12):
            save(store, make_record(f"f{number}"))
        sequences = [change.sequence for change in file_changes(store, after="", limit=100)]
        store.move_checkpoint("relay", expected="", sequence=sequences[7])
    for point in itertools.count(1):
        with opened(couchdb_url) as store:
            if not killed_before(monkeypatch, point, lambda: store.trim_changes(limit=100)):
                break
            assert [change.sequence for change in file_changes(store, after=sequences[7], limit=100)] == sequences[8:]
            assert store.last_sequence() == sequences[-1]
    with opened(couchdb_url) as store:
        assert [change.sequence for change in file_changes(store, after="", limit=100)] == sequences[8:]
        assert store.trim_changes(limit=100) == 0
        assert len(store._feed.entries.with_prefix("f")) == 4


def test_a_lost_checkpoint_move_was_made_or_not(couchdb_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(couchdb_url) as store:
        place = ""
        for point in itertools.count(1):
            wanted = str(point)
            move = lambda: store.move_checkpoint("relay", expected=place, sequence=wanted)  # noqa: E731, B023
            if not killed_before(monkeypatch, point, move):
                break
            assert store.checkpoint("relay") in (place, wanted)
            if store.checkpoint("relay") != wanted:
                with pytest.raises(CheckpointConflict):
                    store.move_checkpoint("relay", expected="elsewhere", sequence=wanted)
                move()
            place = wanted


def test_copies_that_are_cut_off_come_whole_the_next_time(couchdb_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    copies = [make_record(f"f{number}", revision=3, alias=f"{number}") for number in range(20)]
    for point in itertools.count(1):
        with opened(couchdb_url) as store:
            newer = [replace(each, revision=3 + point, size=point) for each in copies]
            survived = not killed_before(monkeypatch, point, lambda: store.replicate(newer))  # noqa: B023
            if not survived:
                store.replicate(newer)
            assert [store.get(each.file_id) for each in copies] == newer
            assert file_changes(store, after="", limit=10) == []
        if survived:
            break
