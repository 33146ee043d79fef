"""Batches of copies, when the server answers for the documents in an order of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from storage_adapters import JSON, StorageUnavailable
from storage_adapters.metadata.couchdb.database import Database
from tests.adapters.couchdb_servers import opened
from tests.contract.metadata_scenes import make_record, save
from tests.contract.replication_scenes import copy_of


@pytest.fixture
def backwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that answers last for what it was sent first; some do so now and then."""
    bulk = Database.bulk

    def answer_backwards(self: Database, documents: Sequence[Any], **options: Any) -> list[JSON]:
        return bulk(self, documents, **options)[::-1]

    monkeypatch.setattr(Database, "bulk", answer_backwards)


@pytest.mark.usefixtures("backwards")
def test_each_copy_of_a_batch_is_stored_whatever_the_order_of_the_answers(couchdb_url: str) -> None:
    ids = [f"f{number:02}" for number in range(30)]
    with opened(couchdb_url) as store:
        store.replicate([copy_of(file_id, 1) for file_id in ids[::3]])
        for file_id in ids[1::3]:
            # Saved here: the store has no memory of a copy, takes it for new, and is refused.
            save(store, make_record(file_id))
        assert store.replicate([copy_of(file_id, 2) for file_id in ids]) == [True] * 30
        assert [store.get(file_id).revision for file_id in ids] == [2] * 30
        assert store.discard([*ids[:10], "nobody"]) == 10
        assert store.usage(None).total.files == 20


@pytest.mark.parametrize("lacking", [-1, 0])
def test_a_copy_that_the_server_says_nothing_of_is_not_taken_for_stored(
    couchdb_url: str, monkeypatch: pytest.MonkeyPatch, lacking: int
) -> None:
    bulk = Database.bulk
    copies = [copy_of(f"f{number}", 1) for number in range(5)]
    with opened(couchdb_url) as store:
        with monkeypatch.context() as patch:
            patch.setattr(
                Database, "bulk", lambda *given, **options: bulk(*given, **options)[lacking + 1 :][: lacking or None]
            )
            with pytest.raises(StorageUnavailable, match="did not say"):
                store.replicate(copies)
        # What was stored all the same is found when the batch comes again.
        store.replicate(copies)
        assert [store.get(copy.file_id) for copy in copies] == copies
