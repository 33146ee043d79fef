"""Part of the contract of the metadata stores: aliases, request ids and paths, unique per owner."""

from __future__ import annotations

import pytest

from storage_adapters import FileRecord, MetadataStore, NameTaken, RevisionConflict
from tests.contract.blob_scenes import in_threads
from tests.contract.consistency import assert_consistent
from tests.contract.metadata_scenes import NOW, ODD_TEXTS, add, delete, make_record, save

THREADS = 8
KINDS = ("alias", "request_id", "path")


class NamesOfOneKindContract:
    """What holds for aliases holds for request ids and paths."""

    @pytest.fixture(params=KINDS)
    def kind(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    def test_a_name_leads_to_its_file(self, store: MetadataStore, kind: str) -> None:
        add(store, make_record("f1", **{kind: "one"}), make_record("f2", **{kind: "two"}), make_record("f3"))
        names = ["two", "three", "one", "two", "", "TWO"]
        assert store.resolve("ann", kind, names) == ["f2", None, "f1", "f2", None, None]
        assert store.resolve("bob", kind, names) == [None] * 6
        assert store.resolve("ann", kind, []) == []

    def test_a_name_of_another_file_is_taken_and_nothing_changes(self, store: MetadataStore, kind: str) -> None:
        saved = add(store, make_record("f1", **{kind: "one"}), make_record("f2", **{kind: "two"}))
        for record in (make_record("f3", **{kind: "one"}), saved[1]):
            with pytest.raises(NameTaken) as raised:
                save(store, record, **{kind: "one"}, size=7)
            error = raised.value
            assert (error.kind, error.name, error.file_id) == (kind, "one", "f1")
        assert assert_consistent(store) == saved

    def test_owners_do_not_take_names_from_each_other(self, store: MetadataStore, kind: str) -> None:
        owners = ["ann", "bob", *ODD_TEXTS]
        add(store, *(make_record(f"f{n}", owner=owner, **{kind: "same"}) for n, owner in enumerate(owners)))
        for number, owner in enumerate(owners):
            assert store.resolve(owner, kind, ["same"]) == [f"f{number}"]
        with pytest.raises(NameTaken):
            save(store, store.get("f1"), owner="ann")
        assert_consistent(store)

    def test_odd_names_are_kept_apart(self, store: MetadataStore, kind: str) -> None:
        add(store, *(make_record(f"f{number}", **{kind: name}) for number, name in enumerate(ODD_TEXTS)))
        assert store.resolve("ann", kind, ODD_TEXTS) == [f"f{number}" for number in range(len(ODD_TEXTS))]

    def test_a_name_is_free_after_its_file_gave_it_up(self, store: MetadataStore, kind: str) -> None:
        record = save(store, make_record("f1", **{kind: "one"}))
        record = save(store, record, **{kind: "two"})
        save(store, make_record("f2", **{kind: "one"}))
        save(store, record, **{kind: None})
        save(store, make_record("f3", **{kind: "two"}))
        assert store.resolve("ann", kind, ["one", "two"]) == ["f2", "f3"]

    def test_a_name_is_free_after_the_deletion_of_its_file(self, store: MetadataStore, kind: str) -> None:
        delete(store, save(store, make_record("f1", **{kind: "one"})))
        assert store.resolve("ann", kind, ["one"]) == [None]
        save(store, make_record("f2", **{kind: "one"}))
        assert store.resolve("ann", kind, ["one"]) == ["f2"]

    def test_a_name_moves_along_to_another_owner(self, store: MetadataStore, kind: str) -> None:
        save(store, save(store, make_record("f1", **{kind: "one"})), owner="bob")
        assert store.resolve("ann", kind, ["one"]) == [None]
        assert store.resolve("bob", kind, ["one"]) == ["f1"]

    def test_of_concurrent_claims_of_one_name_exactly_one_wins(self, store: MetadataStore, kind: str) -> None:
        for label in range(5):
            name = f"name {label}"
            results = in_threads(THREADS, lambda n, name=name: save(store, make_record(f"{name}-{n}", **{kind: name})))  # type: ignore[misc]
            winners = [result for result in results if isinstance(result, FileRecord)]
            losers = [result for result in results if isinstance(result, NameTaken)]
            assert (len(winners), len(losers)) == (1, THREADS - 1)
            assert {loser.file_id for loser in losers} == {winners[0].file_id}
            assert store.resolve("ann", kind, [name]) == [winners[0].file_id]
        assert len(assert_consistent(store)) == 5

    def test_a_name_that_is_passed_on_has_one_holder_at_a_time(self, store: MetadataStore, kind: str) -> None:
        add(store, *(make_record(f"f{number}") for number in range(4)))

        def take_and_give_up(number: int) -> int:
            taken = 0
            for _ in range(15):
                try:
                    record = save(store, store.get(f"f{number}"), **{kind: "shared"})
                except NameTaken:
                    continue
                assert store.resolve("ann", kind, ["shared"]) == [f"f{number}"]
                save(store, record, **{kind: None})
                taken += 1
            return taken

        taken = in_threads(4, take_and_give_up)
        assert all(isinstance(count, int) for count in taken), taken
        assert store.resolve("ann", kind, ["shared"]) == [None]
        assert_consistent(store)


class NamesContract(NamesOfOneKindContract):
    """Aliases and request ids together."""

    def test_an_alias_and_a_request_id_may_read_the_same(self, store: MetadataStore) -> None:
        add(store, make_record("f1", alias="same"), make_record("f2", request_id="same"))
        assert store.resolve("ann", "alias", ["same"]) == ["f1"]
        assert store.resolve("ann", "request_id", ["same"]) == ["f2"]

    def test_a_repeated_request_is_told_before_the_alias_that_it_took_itself(self, store: MetadataStore) -> None:
        add(store, make_record("f1", alias="film", request_id="r1"))
        with pytest.raises(NameTaken) as raised:
            save(store, make_record("f2", alias="film", request_id="r1"))
        assert (raised.value.kind, raised.value.file_id) == ("request_id", "f1")

    def test_a_stale_revision_is_told_before_a_taken_name(self, store: MetadataStore) -> None:
        add(store, make_record("f1", alias="film"), make_record("f2"))
        with pytest.raises(RevisionConflict):
            store.save(make_record("f2", alias="film"), expected_revision=0, changed_at=NOW, event=None)
