"""The change feed of the CouchDB store: the identity of its entries, and the deletion of those that are over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import pytest

from storage_adapters import JSON, StorageUnavailable
from storage_adapters.metadata.couchdb import CouchMetadataStore, feed
from storage_adapters.metadata.couchdb.database import Database
from tests.adapters.couchdb_servers import assert_intact, before_each_request, killed_before, opened
from tests.contract.document_scenes import make_document, put, told
from tests.contract.metadata_scenes import add, make_record, save
from tests.feeds import file_changes

# The server that tests can install is not a fast one.
pytestmark = pytest.mark.timeout(600)

MOST_POINTS = 60


def as_an_earlier_version_wrote(store: CouchMetadataStore, file_id: str) -> None:
    """Take the name of the latest write out of a file's document."""
    document = store._files.get(file_id)
    assert document is not None
    del document["change"]["write_id"]
    assert store._files.put(document) is not None


def test_a_revision_that_comes_again_after_a_repair_is_told_as_it_is(couchdb_url: str) -> None:
    """Of two entries with one id the server shows the one with the greater digest: in one of two cases the lost one."""
    with opened(couchdb_url) as store:
        for number in range(8):
            first = save(store, make_record(f"f{number}"))
            lost = save(store, first, name="lost")
            place = store.last_sequence()
            assert store.replicate([first], force=True) == [True]
            again = save(store, first, name="again")
            assert [change.record for change in file_changes(store, after=place)] == [again]
            assert [change.record for change in file_changes(store) if change.file_id == f"f{number}"] == [
                first,
                lost,
                again,
            ]


def test_a_file_that_comes_again_after_it_was_discarded_is_told_as_it_is(couchdb_url: str) -> None:
    with opened(couchdb_url) as store:
        for number in range(8):
            lost = save(store, make_record(f"f{number}", name="lost"))
            place = store.last_sequence()
            assert store.discard([lost.file_id]) == 1
            again = save(store, make_record(f"f{number}", name="again"))
            assert [change.record for change in file_changes(store, after=place)] == [again]


@pytest.mark.parametrize("is_told", [True, False])
def test_a_change_that_an_earlier_version_wrote_is_told_once(
    couchdb_url: str, monkeypatch: pytest.MonkeyPatch, *, is_told: bool
) -> None:
    """It has no name, in the document and in the feed, and its writer may have died before the entry was there."""
    with opened(couchdb_url) as store:
        for number in range(2):
            killed_before(monkeypatch, 2, lambda: save(store, make_record(f"f{number}")))  # noqa: B023 - at once
            as_an_earlier_version_wrote(store, f"f{number}")
            if is_told:
                stored = store._writer.load(f"f{number}")
                assert stored is not None
                store._feed.ensure(stored)
    with opened(couchdb_url) as store:
        save(store, store.get("f0"))
        told = [(change.file_id, change.revision) for change in file_changes(store)]
    assert sorted(told) == [("f0", 1), ("f0", 2), ("f1", 1)]
    assert told.index(("f0", 1)) < told.index(("f0", 2))
    assert_intact(couchdb_url)


def breaks_off(self: Database, documents: Sequence[Any], **options: Any) -> list[JSON]:
    """Stand in for ``bulk`` when the server does not answer."""
    raise StorageUnavailable("couchdb: no answer")


def refuses_all(self: Database, documents: Sequence[Any], **options: Any) -> list[JSON]:
    """Stand in for ``bulk`` when the server refuses each document."""
    return [{"id": each["_id"], "error": "forbidden"} for each in documents]


@pytest.mark.parametrize("failing", [breaks_off, refuses_all])
def test_entries_that_a_failed_trim_left_are_deleted_by_later_ones(
    couchdb_url: str, monkeypatch: pytest.MonkeyPatch, failing: Callable[..., list[JSON]]
) -> None:
    """The later ones have a smaller limit: nobody may begin to read between the two places."""
    with opened(couchdb_url) as store:
        add(store, *(make_record(f"f{number}") for number in range(12)))
        sequences = [change.sequence for change in file_changes(store)]
        store.move_checkpoint("relay", expected="", sequence=sequences[7])
        with monkeypatch.context() as patch, suppress(StorageUnavailable):
            patch.setattr(Database, "bulk", failing)
            assert store.trim_changes(limit=8) == 0
        trimmed: list[int] = []
        while not trimmed or trimmed[-1]:
            assert [change.sequence for change in file_changes(store)] == sequences[8:]
            assert not store.has_changes_behind(sequences[6])
            assert store.has_changes_behind(sequences[7])
            trimmed.append(store.trim_changes(limit=3))
        assert trimmed == [3, 3, 2, 0]
        assert len(store._feed.entries.with_prefix("f")) == 4


def test_a_trim_that_goes_on_too_late_takes_no_reader_back(couchdb_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before each of its requests, all consumers go on, and another trim takes place."""
    place = ""
    with opened(couchdb_url) as store, opened(couchdb_url) as other:
        for point in range(1, MOST_POINTS):
            add(store, *(make_record(f"f{point}-{number}") for number in range(6)))
            sequences = [change.sequence for change in file_changes(store)]
            store.move_checkpoint("relay", expected=place, sequence=sequences[2])
            count = 0

            def overtake(point: int = point, sequences: list[str] = sequences) -> None:
                nonlocal count
                count += 1
                if count == point:
                    other.move_checkpoint("relay", expected=sequences[2], sequence=sequences[4])
                    assert other.trim_changes(limit=99) > 0

            with monkeypatch.context() as patch:
                before_each_request(patch, overtake)
                store.trim_changes(limit=99)
            if count < point:
                assert point > 5
                break
            place = sequences[4]
            assert [change.sequence for change in file_changes(store)] == sequences[5:]
            assert not store.has_changes_behind(sequences[3])
            assert store.has_changes_behind(place)
            store.trim_changes(limit=99)
            assert len(store._feed.entries.with_prefix("f")) == len(sequences[5:])


def test_a_feed_that_an_earlier_version_trimmed_is_trimmed_from_where_it_begins(couchdb_url: str) -> None:
    with opened(couchdb_url) as store:
        add(store, *(make_record(f"f{number}") for number in range(4)))
        sequences = [change.sequence for change in file_changes(store)]
        store._state.replace("feed-trimmed", {"sequence": sequences[3], "place": sequences[0]})
        store.move_checkpoint("relay", expected="", sequence=sequences[2])
        assert store.trim_changes(limit=9) == 2
        assert [change.sequence for change in file_changes(store)] == sequences[3:]


def test_changes_of_any_number_of_documents_are_withdrawn_by_small_requests(
    couchdb_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bulk = Database.bulk
    sizes: list[int] = []

    def counted(self: Database, documents: Sequence[Any], **options: Any) -> list[JSON]:
        sizes.append(len(documents))
        return bulk(self, documents, **options)

    with opened(couchdb_url) as store:
        record = save(store, make_record("f1"))
        for number in range(7):
            put(store, make_document(f"d{number}"))
        monkeypatch.setattr(feed, "_DELETIONS", 3, raising=False)
        with monkeypatch.context() as patch:
            patch.setattr(Database, "bulk", refuses_all)
            assert store.withdraw_document_changes() == 0
        monkeypatch.setattr(Database, "bulk", counted)
        assert store.withdraw_document_changes() == 7
        assert sizes == [3, 3, 1]
        assert [change.record for change in file_changes(store)] == [record]
        assert told(store) == []
