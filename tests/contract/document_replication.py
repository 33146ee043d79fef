"""Documents as another store has them: taken over by their revisions, silently, and never refused for a name."""

from __future__ import annotations

from dataclasses import replace

from storage_adapters import Document
from tests.contract.document_scenes import (
    NOW,
    DocumentStore,
    assert_documents,
    at_once,
    bearer,
    delete,
    is_absent,
    make_document,
    put,
    told,
)


def copy_of(document_id: str, revision: int, **fields: object) -> Document:
    return make_document(document_id, revision=revision, **fields)


def tombstone_of(document_id: str, revision: int) -> Document:
    return Document(
        collection="accounts",
        document_id=document_id,
        revision=revision,
        deleted=True,
        updated_at=NOW,
        expires_at=NOW + 9,
    )


class DocumentReplicationContract:
    """Copies."""

    def test_copies_stand_in_everything_but_the_feed(self, store: DocumentStore) -> None:
        copies = [
            copy_of(
                f"d{number:03}", number + 1, names=(f"n{number}",), order=f"{number % 3}", unknown={"later": number}
            )
            for number in range(250)
        ]
        assert store.replicate_documents(copies) == [True] * 250
        assert_documents(store, *copies)
        assert store.changes(after="", limit=9) == []
        assert store.last_sequence() == ""
        assert store.replicate_documents(copies) == [False] * 250
        assert_documents(store, *copies)

    def test_a_copy_never_takes_a_document_back(self, store: DocumentStore) -> None:
        newer = copy_of("d1", 5, body={"a": 2}, order="b", names=("new",))
        assert store.replicate_documents([newer]) == [True]
        assert store.replicate_documents([copy_of("d1", 4, names=("old",))]) == [False]
        assert store.replicate_documents([copy_of("d1", 5, names=("old",))]) == [False]
        assert store.replicate_documents([tombstone_of("d1", 5)]) == [False]
        assert_documents(store, newer)
        assert store.replicate_documents([tombstone_of("d1", 6)]) == [True]
        assert store.replicate_documents([copy_of("d1", 6)]) == [False]
        assert_documents(store)
        again = copy_of("d1", 7)
        assert store.replicate_documents([again]) == [True]
        assert_documents(store, again)

    def test_a_document_that_was_copied_is_written_on_from_its_revision(self, store: DocumentStore) -> None:
        copy = copy_of("d1", 5, names=("ann",))
        store.replicate_documents([copy])
        written = put(store, copy, names=("bob",), order="x")
        assert written.revision == 6
        assert_documents(store, written)
        store.replicate_documents([tombstone_of("d1", 9)])
        assert put(store, make_document()).revision > 9

    def test_names_may_arrive_in_any_order(self, store: DocumentStore) -> None:
        first, second = copy_of("d1", 1, names=("ann",)), copy_of("d2", 2, names=("ann", "eve"))
        store.replicate_documents([first, second])
        assert bearer(store, "ann") in ("d1", "d2")
        moved = replace(first, revision=3, names=())
        store.replicate_documents([moved])
        assert_documents(store, moved, second)
        store.replicate_documents([copy_of("d3", 1, names=("ann",))])
        delete(store, store.get_document("accounts", "d2", now=NOW))
        assert bearer(store, "ann") == "d3"
        store.discard_documents([copy_of("d3", 1).key])
        assert bearer(store, "ann") is None
        put(store, make_document("d4", names=("ann", "eve")))

    def test_force_makes_a_document_what_it_is_elsewhere(self, store: DocumentStore) -> None:
        put(store, make_document(names=("ann",), order="b", body={"damaged": True}))
        right = copy_of("d1", 4, names=("eve",), order="a")
        assert store.replicate_documents([right], force=True) == [True]
        assert store.replicate_documents([right], force=True) == [False]
        assert store.get_document(*right.key, now=NOW) == right
        assert bearer(store, "ann") is None
        assert store.replicate_documents([tombstone_of("d1", 2)], force=True) == [True]
        assert is_absent(store, right)

    def test_what_is_discarded_leaves_no_trace(self, store: DocumentStore) -> None:
        kept = copy_of("d3", 1)
        store.replicate_documents([copy_of("d1", 1, names=("ann",), order="x"), tombstone_of("d2", 2), kept])
        keys = [copy_of(document_id, 1).key for document_id in ("d1", "d2", "d4")]
        assert store.discard_documents(keys) == 2
        assert store.discard_documents(keys) == 0
        assert store.stored_documents([*keys, kept.key]) == [None, None, None, kept]
        assert_documents(store, kept)
        assert store.changes(after="", limit=9) == []

    def test_the_stored_state_is_told_whatever_it_is(self, store: DocumentStore) -> None:
        expired = put(store, make_document(expires_at=NOW + 1))
        tombstone = delete(store, put(store, make_document("d2")))
        keys = [expired.key, tombstone.key, make_document("d3").key]
        assert store.stored_documents(keys) == [expired, tombstone, None]
        assert store.stored_documents([]) == []

    def test_copies_beside_writers_and_each_other_leave_the_highest_revision(self, store: DocumentStore) -> None:
        def copy(number: int) -> None:
            for revision in range(number + 1, 40, 4):
                store.replicate_documents([copy_of(f"d{each}", revision, order=f"{revision}") for each in range(3)])

        at_once(4, copy)
        assert_documents(store, *(copy_of(f"d{each}", 39, order="39") for each in range(3)))
        assert told(store) == []
