"""What a store with ``SupportsDocuments`` must do: saving, names, expiry, and the limits of what is taken."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from storage_adapters import (
    DocumentKey,
    DocumentNotFound,
    DocumentQuery,
    InvalidDocument,
    NameTaken,
    RevisionConflict,
)
from storage_adapters.ports.document_codec import BODY_BYTES, ID_BYTES, MOST_NAMES, ORDER_BYTES, TEXT_BYTES
from storage_adapters.ports.documents import TOMBSTONE_MS
from tests.contract.document_feed import DocumentFeedContract
from tests.contract.document_finding import DocumentFindingContract
from tests.contract.document_model import DocumentModelContract
from tests.contract.document_replication import DocumentReplicationContract
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
    walk,
)

RIVALS = 4


class DocumentSavingContract:
    """Documents, their revisions, and what is refused."""

    def test_what_is_put_is_read_as_it_was(self, store: DocumentStore) -> None:
        body = {"a": [1, 1.0, None, True, "ü\0\u2028"], "b": {"c": {}}, "": 2**63 - 1}
        first = put(store, make_document(body=body, order="z", names=("ann", "Ann"), expires_at=NOW + 9))
        assert (first.body, first.order, first.names) == (body, "z", ("ann", "Ann"))
        assert first.revision > 0
        assert_documents(store, first)
        second = put(store, first, body={}, order="a", names=("Ann", "bob"), expires_at=None, updated_at=NOW + 1)
        assert second.revision == first.revision + 1
        assert_documents(store, second)
        assert bearer(store, "ann") is None

    def test_integers_and_floats_stay_what_they_are(self, store: DocumentStore) -> None:
        put(store, make_document(body={"a": 1, "b": 1.0}))
        body = store.get_document("accounts", "d1", now=NOW).body
        assert (type(body["a"]), type(body["b"])) == (int, float)

    def test_unknown_fields_are_kept_and_written_back(self, store: DocumentStore) -> None:
        first = put(store, make_document(unknown={"labels": ["a"], "later": {"b": 1}}))
        assert store.get_document("accounts", "d1", now=NOW).unknown == {"labels": ["a"], "later": {"b": 1}}
        assert_documents(store, put(store, first, body={"name": "Bob"}))
        assert told(store)[-1].unknown == first.unknown

    def test_a_document_that_is_not_there_is_not_found(self, store: DocumentStore) -> None:
        put(store, make_document())
        for collection, document_id in (("accounts", "d2"), ("sessions", "d1"), ("Bad", "d1"), ("accounts", "")):
            with pytest.raises(DocumentNotFound):
                store.get_document(collection, document_id, now=NOW)
            with pytest.raises(RevisionConflict):
                store.delete_document(collection, document_id, expected_revision=1, deleted_at=NOW)

    def test_only_the_expected_revision_is_written_over(self, store: DocumentStore) -> None:
        first = put(store, make_document())
        for revision in (0, first.revision - 1, first.revision + 1):
            with pytest.raises(RevisionConflict):
                store.put_document(make_document(body={"other": 1}), expected_revision=revision)
            with pytest.raises(RevisionConflict):
                store.delete_document(*first.key, expected_revision=revision, deleted_at=NOW)
        with pytest.raises(RevisionConflict):
            store.put_document(make_document("d2"), expected_revision=1)
        assert_documents(store, first)
        assert told(store) == [first]

    def test_a_deleted_document_is_gone_and_may_be_created_again(self, store: DocumentStore) -> None:
        first = put(store, make_document(names=("ann",), order="x"))
        tombstone = delete(store, first, NOW + 1)
        assert (tombstone.deleted, tombstone.revision) == (True, first.revision + 1)
        assert is_absent(store, first)
        assert bearer(store, "ann") is None
        assert_documents(store)
        with pytest.raises(RevisionConflict):
            delete(store, first)
        with pytest.raises(RevisionConflict):
            delete(store, tombstone)
        with pytest.raises(RevisionConflict):
            put(store, first)
        again = put(store, make_document(names=("ann",)))
        assert again.revision > tombstone.revision
        assert_documents(store, again)

    def test_revisions_grow_though_the_tombstone_is_forgotten(self, store: DocumentStore) -> None:
        document = put(store, make_document())
        for _ in range(5):
            document = put(store, document)
        tombstone = delete(store, document, NOW + 1)
        late = NOW + 1 + TOMBSTONE_MS
        assert store.forget_documents(now=late - 1, limit=9) == 0
        assert store.forget_documents(now=late, limit=9) == 1
        assert store.stored_documents([document.key]) == [None]
        assert put(store, make_document(updated_at=late)).revision > tombstone.revision

    def test_documents_of_equal_ids_in_two_collections_share_nothing(self, store: DocumentStore) -> None:
        one = put(store, make_document(names=("ann",)))
        other = put(store, make_document(collection="sessions", names=("ann",)))
        assert_documents(store, one, other)
        delete(store, other)
        assert_documents(store, one)

    @pytest.mark.parametrize("text", ["a\0b", "3:x", "%_*?", "İ", "\uffff", "\U0001f3a5", "a/b?c#d", "_id", " "])
    def test_ids_and_names_are_opaque(self, store: DocumentStore, text: str) -> None:
        documents = [put(store, make_document(text + end, names=(text + end,), order=text)) for end in ("", "0", "\0")]
        assert_documents(store, *documents)
        for document in documents:
            delete(store, document)
        assert_documents(store)

    def test_the_largest_of_everything_is_taken(self, store: DocumentStore) -> None:
        names = tuple("n" * (TEXT_BYTES - 2) + f"{number:02}" for number in range(MOST_NAMES))
        body = {"a": "x" * (BODY_BYTES - len('{"a":""}'))}
        whole = make_document(
            "é" * (ID_BYTES // 2), collection="a" * 63, names=names, order="o" * ORDER_BYTES, body=body
        )
        stored = put(store, whole)
        assert_documents(store, stored)
        delete(store, stored)
        assert_documents(store)

    @pytest.mark.parametrize(
        "fields",
        [
            {"collection": ""},
            {"collection": "Accounts"},
            {"collection": "a:b"},
            {"collection": "a" * 64},
            {"document_id": ""},
            {"document_id": "x" * (ID_BYTES + 1)},
            {"document_id": "\ud800"},
            {"names": ("",)},
            {"names": ("a", "a")},
            {"names": ("x" * (TEXT_BYTES + 1),)},
            {"names": tuple(map(str, range(MOST_NAMES + 1)))},
            {"names": ("\udfff",)},
            {"order": "x" * (ORDER_BYTES + 1)},
            {"order": "\ud800"},
            {"body": {"a": "x" * BODY_BYTES}},
            {"body": {"a": {1, 2}}},
            {"body": {"a": 2**64}},
            {"body": {"a": "\ud800"}},
            {"body": {1: "a"}},
        ],
    )
    def test_what_exceeds_a_limit_is_refused_by_name(self, store: DocumentStore, fields: dict[str, Any]) -> None:
        with pytest.raises(InvalidDocument):
            store.put_document(replace(make_document(), **fields), expected_revision=0)
        assert store.last_sequence() == ""

    def test_of_writers_of_one_revision_exactly_one_wins(self, store: DocumentStore) -> None:
        document = put(store, make_document())
        for _ in range(5):
            stored = document

            def write(number: int) -> bool:
                try:
                    put(store, stored, body={"writer": number})  # noqa: B023 - called at once
                except RevisionConflict:
                    return False
                return True

            wins = at_once(RIVALS, write)
            assert sum(wins) == 1
            document = store.get_document(*document.key, now=NOW)
            assert document.body == {"writer": wins.index(True)}
            assert document.revision == stored.revision + 1
        assert_documents(store, document)
        assert [each.revision for each in told(store)] == list(range(NOW, NOW + 6))

    def test_of_creators_of_one_document_exactly_one_wins(self, store: DocumentStore) -> None:
        def create(number: int) -> bool:
            try:
                put(store, make_document(body={"writer": number}))
            except RevisionConflict:
                return False
            return True

        assert sum(at_once(RIVALS, create)) == 1
        assert len(told(store)) == 1


class DocumentNamesContract:
    """Names are unique in their collection, at every moment."""

    def test_a_name_that_another_document_bears_is_refused(self, store: DocumentStore) -> None:
        one = put(store, make_document(names=("ann", "bob")))
        two = put(store, make_document("d2", names=("eve",)))
        for attempt in (make_document("d3", names=("carl", "bob")), replace(two, names=("eve", "ann"))):
            with pytest.raises(NameTaken) as taken:
                put(store, attempt)
            assert (taken.value.kind, taken.value.file_id) == ("name", "d1")
            assert taken.value.name in attempt.names
        assert_documents(store, one, two)
        assert bearer(store, "carl") is None

    def test_a_conflict_is_told_before_a_name_that_is_taken(self, store: DocumentStore) -> None:
        put(store, make_document(names=("ann",)))
        with pytest.raises(RevisionConflict):
            store.put_document(make_document("d2", names=("ann",)), expected_revision=5)

    def test_a_name_that_is_given_up_is_free(self, store: DocumentStore) -> None:
        one = put(store, make_document(names=("ann", "bob")))
        one = put(store, one, names=("bob",))
        two = put(store, make_document("d2", names=("ann",)))
        assert_documents(store, one, two)
        delete(store, two)
        assert_documents(store, put(store, one, names=("ann", "bob")))

    def test_of_rivals_for_a_name_exactly_one_gets_it(self, store: DocumentStore) -> None:
        def claim(number: int) -> str | None:
            try:
                return put(store, make_document(f"d{number}", names=(f"own {number}", "ann"))).document_id
            except NameTaken:
                return None

        won = [each for each in at_once(RIVALS, claim) if each]
        assert len(won) == 1
        assert bearer(store, "ann") == won[0]
        assert_documents(store, store.get_document("accounts", won[0], now=NOW))


class DocumentExpiryContract:
    """A document is gone when its time is over, and removed later, a few at a time."""

    def test_a_document_is_gone_at_its_time(self, store: DocumentStore) -> None:
        document = put(store, make_document(names=("ann",), expires_at=NOW + 10))
        assert not is_absent(store, document, NOW + 9)
        assert bearer(store, "ann", NOW + 9) == "d1"
        assert is_absent(store, document, NOW + 10)
        assert bearer(store, "ann", NOW + 10) is None
        assert walk(store, DocumentQuery(collection="accounts"), NOW + 9) == [document]
        assert walk(store, DocumentQuery(collection="accounts"), NOW + 10) == []
        with pytest.raises(RevisionConflict):
            put(store, document, updated_at=NOW + 10)
        with pytest.raises(RevisionConflict):
            delete(store, document, NOW + 10)

    def test_an_expired_document_may_be_created_again(self, store: DocumentStore) -> None:
        document = put(store, make_document(names=("ann",), order="x", expires_at=NOW + 10))
        again = put(store, make_document(names=("ann",), updated_at=NOW + 10))
        assert again.revision > document.revision
        assert_documents(store, again, now=NOW + 99)

    def test_the_names_of_an_expired_document_are_free(self, store: DocumentStore) -> None:
        old = put(store, make_document(names=("ann", "bob"), expires_at=NOW + 10))
        new = put(store, make_document("d2", names=("bob",), updated_at=NOW + 10))
        assert_documents(store, new)
        assert store.expire_documents(now=NOW + 10, limit=9) == 0
        assert is_absent(store, old, NOW)

    def test_sweeps_remove_what_is_over_and_nothing_else(self, store: DocumentStore) -> None:
        documents = [
            put(store, make_document(f"d{number}", names=(f"n{number}",), expires_at=NOW + 10 + number))
            for number in range(7)
        ]
        eternal = put(store, make_document("eternal"))
        assert store.expire_documents(now=NOW + 9, limit=9) == 0
        assert store.expire_documents(now=NOW + 14, limit=2) == 2
        assert_documents(store, *documents[2:], eternal)
        assert store.expire_documents(now=NOW + 14, limit=9) == 3
        assert_documents(store, *documents[5:], eternal)
        assert [each.document_id for each in told(store) if each.deleted] == [f"d{number}" for number in range(5)]
        assert store.forget_documents(now=NOW + 14, limit=9) == 0
        assert store.forget_documents(now=NOW + 14 + TOMBSTONE_MS, limit=2) == 2
        assert store.forget_documents(now=NOW + 14 + TOMBSTONE_MS, limit=9) == 3
        assert store.stored_documents([each.key for each in documents[:5]]) == [None] * 5
        assert_documents(store, *documents[5:], eternal)

    def test_a_document_that_was_renewed_is_left(self, store: DocumentStore) -> None:
        document = put(store, make_document(expires_at=NOW + 10))
        renewed = put(store, document, expires_at=NOW + 20, updated_at=NOW + 9)
        assert store.expire_documents(now=NOW + 15, limit=9) == 0
        assert_documents(store, renewed, now=NOW + 15)
        kept = put(store, renewed, expires_at=None)
        assert store.expire_documents(now=NOW + 99, limit=9) == 0
        assert_documents(store, kept)

    def test_sweepers_beside_each_other_tell_of_each_document_once(self, store: DocumentStore) -> None:
        for number in range(12):
            put(store, make_document(f"d{number}", expires_at=NOW + 1))
        assert sum(at_once(RIVALS, lambda _: store.expire_documents(now=NOW + 1, limit=12))) == 12
        assert sorted(each.document_id for each in told(store) if each.deleted) == sorted(f"d{n}" for n in range(12))
        assert store.stored_documents([DocumentKey("accounts", "d0")])[0] is not None


class DocumentsContract(
    DocumentSavingContract,
    DocumentNamesContract,
    DocumentExpiryContract,
    DocumentFindingContract,
    DocumentFeedContract,
    DocumentReplicationContract,
    DocumentModelContract,
):
    """All that is asked of a store that keeps documents."""
