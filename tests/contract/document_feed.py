"""Changes of documents stand in the feed among those of files, in the order of the writes."""

from __future__ import annotations

import pytest

from storage_adapters import Change, DocumentChange, NameTaken, RevisionConflict
from tests.contract.document_scenes import NOW, DocumentStore, at_once, delete, make_document, put, told
from tests.contract.metadata_scenes import make_record, save

WRITERS, WRITES = 4, 10


class DocumentFeedContract:
    """One feed for files and documents."""

    def test_every_write_appears_with_the_document_as_it_left_it(self, store: DocumentStore) -> None:
        first = put(store, make_document(names=("ann",), order="x", updated_at=NOW + 1))
        record = save(store, make_record(), "created")
        second = put(store, first, body={}, updated_at=NOW + 2)
        tombstone = delete(store, second, NOW + 3)
        changes = store.changes(after="", limit=10)
        kept = [change for change in changes if isinstance(change, DocumentChange)]
        assert [change.document for change in kept] == [first, second, tombstone]
        assert [change.changed_at for change in kept] == [NOW + 1, NOW + 2, NOW + 3]
        assert isinstance(changes[1], Change)
        assert changes[1].record == record
        assert changes[-1].sequence == store.last_sequence()
        for number, change in enumerate(changes):
            assert store.changes(after=change.sequence, limit=1) == changes[number + 1 : number + 2]
            assert store.has_passed(change.sequence, changes[-1].sequence)
            assert store.has_passed(changes[-1].sequence, change.sequence) == (number == 3)

    def test_what_is_refused_is_not_told(self, store: DocumentStore) -> None:
        first = put(store, make_document(names=("ann",)))
        with pytest.raises(NameTaken):
            put(store, make_document("d2", names=("ann",)))
        with pytest.raises(RevisionConflict):
            put(store, make_document())
        assert told(store) == [first]

    def test_a_checkpoint_lets_documents_be_trimmed_like_files(self, store: DocumentStore) -> None:
        document = put(store, make_document())
        save(store, make_record())
        put(store, document)
        sequences = [change.sequence for change in store.changes(after="", limit=9)]
        store.move_checkpoint("relay", expected="", sequence=sequences[1])
        assert store.trim_changes(limit=9) == 2
        assert [change.sequence for change in store.changes(after="", limit=9)] == sequences[2:]
        assert store.last_sequence() == sequences[2]

    def test_of_many_writers_each_write_is_told_once_and_in_order(self, store: DocumentStore) -> None:
        def write(number: int) -> None:
            document = put(store, make_document(f"d{number}", names=(f"n{number}",)))
            for _ in range(WRITES - 1):
                document = put(store, document)
                save(store, make_record(f"f{number}-{document.revision}"))

        at_once(WRITERS, write)
        for number in range(WRITERS):
            mine = [each.revision for each in told(store) if each.document_id == f"d{number}"]
            assert mine == list(range(NOW, NOW + WRITES))
        assert len(store.changes(after="", limit=1_000)) == WRITERS * (2 * WRITES - 1)

    def test_withdrawn_changes_leave_those_of_files_and_the_documents(self, store: DocumentStore) -> None:
        document = put(store, make_document())
        save(store, make_record())
        document = put(store, document)
        position = store.last_sequence()
        assert store.withdraw_document_changes() == 2
        assert store.withdraw_document_changes() == 0
        changes = store.changes(after="", limit=9)
        assert [isinstance(change, Change) for change in changes] == [True]
        assert store.get_document(*document.key, now=NOW) == document
        save(store, make_record("f2"))
        later = store.changes(after=position, limit=9)
        assert [isinstance(change, Change) and change.file_id for change in later] == ["f2"]
        assert store.changes(after="", limit=9) == [*changes, *later]
