"""The change feed of the CouchDB store: the identity of its entries, and the deletion of those that are over."""

from __future__ import annotations

import pytest

from storage_adapters.metadata.couchdb import CouchMetadataStore
from tests.adapters.couchdb_servers import assert_intact, killed_before, opened
from tests.contract.metadata_scenes import make_record, save
from tests.feeds import file_changes

# The server that tests can install is not a fast one.
pytestmark = pytest.mark.timeout(600)


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
