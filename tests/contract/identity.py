"""What a store with ``SupportsIdentity`` must do, and the end of its feed as a copy sees it."""

from __future__ import annotations

from storage_adapters import BEGINNING, FileRecord, MetadataStore, SupportsChanges, SupportsIdentity
from tests.contract.metadata_scenes import add, make_record


class NamedStore(MetadataStore, SupportsChanges, SupportsIdentity):
    """The capabilities that the suite needs."""


class IdentityContract:
    """A name, notes, and what the feed still has."""

    def test_a_new_store_has_a_name_that_stays(self, store: NamedStore) -> None:
        name = store.identity()
        assert len(name) == 32
        add(store, make_record())
        assert store.identity(make=True) == store.identity() == name

    def test_a_note_is_replaced_only_as_it_is(self, store: NamedStore) -> None:
        assert store.read_note("copy") == ""
        assert not store.write_note("copy", expected="x", text="1")
        assert store.write_note("copy", expected="", text="1")
        assert not store.write_note("copy", expected="", text="2")
        assert store.write_note("copy", expected="1", text="2")
        assert store.read_note("copy") == "2"

    def test_notes_are_in_no_list_sum_or_feed(self, store: NamedStore) -> None:
        last = store.last_sequence()
        store.write_note("copy", expected="", text="1")
        assert (store.last_sequence(), store.usage(None).total.files) == (last, 0)

    def test_a_feed_has_the_changes_behind_what_is_not_trimmed(self, store: NamedStore) -> None:
        assert store.has_changes_behind("")
        assert store.has_changes_behind(BEGINNING)
        added: list[FileRecord] = add(store, *(make_record(f"f{number}") for number in range(6)))
        sequences = [change.sequence for change in store.changes(after="", limit=10)]
        assert len(sequences) == len(added)
        assert all(store.has_changes_behind(each) for each in ("", *sequences))
        store.move_checkpoint("relay", expected="", sequence=sequences[3])
        assert store.trim_changes(limit=4) == 4
        assert [store.has_changes_behind(each) for each in ("", *sequences)] == [False] * 4 + [True] * 3
        assert not store.has_changes_behind(BEGINNING)
        store.move_checkpoint("relay", expected=sequences[3], sequence=sequences[-1])
        assert store.trim_changes(limit=10) == 2
        assert not store.has_changes_behind(sequences[-2])
        assert store.has_changes_behind(sequences[-1])
