"""What a store with ``SupportsChanges`` must do: a feed that loses, repeats and reorders nothing."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from threading import Event

import pytest

from storage_adapters import BEGINNING, Change, CheckpointConflict, NameTaken, RevisionConflict
from tests.contract.blob_scenes import in_threads
from tests.contract.consistency import assert_consistent
from tests.contract.metadata_scenes import NOW, FeedStore, add, delete, make_record, save
from tests.feeds import file_changes

WRITERS = 4
WRITES = 25


def read_on(store: FeedStore, after: str, limit: int = 7) -> list[Change]:
    """Read in batches until there is no more."""
    changes: list[Change] = []
    while batch := file_changes(store, after=changes[-1].sequence if changes else after, limit=limit):
        assert len(batch) <= limit
        changes += batch
    return changes


class FeedContract:
    """One entry per write, in order."""

    def test_a_new_feed_is_empty(self, store: FeedStore) -> None:
        assert file_changes(store, after="", limit=10) == []
        assert store.last_sequence() == ""

    def test_every_write_appears_with_what_it_did(self, store: FeedStore) -> None:
        first = store.save(make_record(), expected_revision=0, changed_at=NOW + 1, event="created")
        second = store.save(replace(first, name="x"), expected_revision=1, changed_at=NOW + 2, event=None)
        store.delete("f1", expected_revision=2, deleted_at=NOW + 3, event="removed", clean_after=None)
        changes = file_changes(store, after="", limit=10)
        assert [(c.file_id, c.revision, c.deleted, c.event, c.changed_at, c.record) for c in changes] == [
            ("f1", 1, False, "created", NOW + 1, first),
            ("f1", 2, False, None, NOW + 2, second),
            ("f1", 3, True, "removed", NOW + 3, replace(second, revision=3)),
        ]
        assert changes[-1].sequence == store.last_sequence()
        assert len({change.sequence for change in changes}) == 3

    def test_reading_goes_on_behind_any_entry(self, store: FeedStore) -> None:
        add(store, *(make_record(f"f{number}") for number in range(10)))
        changes = file_changes(store, after="", limit=100)
        assert [change.file_id for change in changes] == [f"f{number}" for number in range(10)]
        for index, change in enumerate(changes):
            assert file_changes(store, after=change.sequence, limit=100) == changes[index + 1 :]
            assert file_changes(store, after=change.sequence, limit=2) == changes[index + 1 : index + 3]
        assert read_on(store, "", limit=3) == changes

    def test_a_checkpoint_has_passed_what_lies_before_it_and_nothing_else(self, store: FeedStore) -> None:
        add(store, *(make_record(f"f{number:02}") for number in range(12)))
        sequences = ["", *(change.sequence for change in file_changes(store, after="", limit=100))]
        for place, checkpoint in enumerate(sequences):
            passed = [store.has_passed(sequence, checkpoint) for sequence in sequences]
            assert passed == [index <= place for index in range(len(sequences))]
        assert store.has_passed(sequences[-1], store.last_sequence())

    @pytest.mark.parametrize("text", ["x", "-1", "1.5", "\u00b2", " ", "{", "9" * 200])
    def test_what_was_never_a_sequence_is_not_passed(self, store: FeedStore, text: str) -> None:
        add(store, make_record())
        assert not store.has_passed(text, store.last_sequence())

    def test_the_beginning_is_a_checkpoint_before_the_first_change(self, store: FeedStore) -> None:
        store.move_checkpoint("syncer", expected="", sequence=BEGINNING)
        assert file_changes(store, after=BEGINNING, limit=10) == []
        assert all(store.has_passed(sequence, BEGINNING) for sequence in ("", BEGINNING))
        add(store, make_record("f1"), make_record("f2"))
        changes = file_changes(store, after=BEGINNING, limit=10)
        assert [change.file_id for change in changes] == ["f1", "f2"]
        assert not store.has_passed(changes[0].sequence, BEGINNING)
        assert store.has_passed(BEGINNING, changes[0].sequence)
        store.move_checkpoint("relay", expected="", sequence=changes[1].sequence)
        assert store.trim_changes(limit=10) == 0

    def test_a_failed_write_is_not_announced(self, store: FeedStore) -> None:
        saved = save(store, make_record(alias="film"))
        sequence = store.last_sequence()
        with pytest.raises(RevisionConflict):
            save(store, make_record())
        with pytest.raises(NameTaken):
            save(store, make_record("f2", alias="film"))
        with pytest.raises(RevisionConflict):
            delete(store, make_record("f3"))
        store.mark_clean("f1")
        assert store.last_sequence() == sequence
        assert [change.record for change in file_changes(store, after="", limit=10)] == [saved]

    def test_concurrent_writers_and_a_reader_lose_and_reorder_nothing(self, store: FeedStore) -> None:
        finished = Event()
        written: dict[str, list[int]] = defaultdict(list)

        def write(number: int) -> None:
            for index in range(WRITES):
                record = save(store, make_record(f"f{number}-{index}"), event="created")
                record = save(store, record, name=f"name {index}")
                written[record.file_id] = [1, 2]
                if index % 5 == 0:
                    delete(store, record)
                    written[record.file_id].append(3)

        def read() -> list[Change]:
            changes: list[Change] = []
            while True:
                last_round = finished.is_set()
                changes += read_on(store, changes[-1].sequence if changes else "")
                if last_round:
                    return changes

        def all_work(number: int) -> list[Change] | None:
            if number == 0:
                results = in_threads(WRITERS, write)
                finished.set()
                assert results == [None] * WRITERS
                return None
            return read()

        results = in_threads(3, all_work)
        stored = file_changes(store, after="", limit=100_000)
        assert results == [None, stored, stored]
        seen: dict[str, list[int]] = defaultdict(list)
        for change in stored:
            seen[change.file_id].append(change.revision)
        assert seen == written
        assert_consistent(store)

    def test_a_consumer_reads_the_changes_of_its_files_and_passes_those_of_others(self, store: FeedStore) -> None:
        add(store, *(make_record(f"f{number}") for number in range(6)))
        changes = file_changes(store, after="", limit=10)
        own, reached, count = store.changes_of(lambda file_id: file_id in ("f1", "f4"), after="", limit=4)
        assert (own, reached, count) == ([changes[1]], changes[3].sequence, 4)
        own, reached, count = store.changes_of(lambda file_id: file_id in ("f1", "f4"), after=reached, limit=4)
        assert (own, reached, count) == ([changes[4]], changes[5].sequence, 2)
        assert store.changes_of(lambda file_id: True, after=reached, limit=4) == ([], reached, 0)


class CheckpointContract:
    """Places of consumers, and trimming that respects them."""

    def test_several_checkpoints_are_read_in_order(self, store: FeedStore) -> None:
        add(store, make_record("f1"), make_record("f2"))
        first, second = (change.sequence for change in file_changes(store, after="", limit=2))
        store.move_checkpoint("relay-1", expected="", sequence=first)
        store.move_checkpoint("relay-0", expected="", sequence=second)
        assert store.checkpoints(["relay-0", "relay-1", "relay-2"]) == [second, first, ""]

    def test_a_checkpoint_moves_from_where_it_is_expected(self, store: FeedStore) -> None:
        add(store, make_record("f1"), make_record("f2"))
        first, second = (change.sequence for change in file_changes(store, after="", limit=2))
        assert store.checkpoint("relay") == ""
        store.move_checkpoint("relay", expected="", sequence=first)
        assert store.checkpoint("relay") == first
        store.move_checkpoint("relay", expected=first, sequence=second)
        assert store.checkpoint("relay") == second
        assert store.checkpoint("syncer") == ""

    def test_a_checkpoint_that_somebody_moved_is_a_conflict(self, store: FeedStore) -> None:
        add(store, make_record("f1"), make_record("f2"))
        first, second = (change.sequence for change in file_changes(store, after="", limit=2))
        with pytest.raises(CheckpointConflict):
            store.move_checkpoint("relay", expected=first, sequence=second)
        store.move_checkpoint("relay", expected="", sequence=first)
        with pytest.raises(CheckpointConflict):
            store.move_checkpoint("relay", expected="", sequence=second)
        assert store.checkpoint("relay") == first

    def test_of_concurrent_moves_exactly_one_wins(self, store: FeedStore) -> None:
        add(store, make_record())
        sequence = store.last_sequence()
        results = in_threads(8, lambda _: store.move_checkpoint("relay", expected="", sequence=sequence))
        assert results.count(None) == 1
        assert sum(isinstance(result, CheckpointConflict) for result in results) == 7

    def test_a_checkpoint_that_was_removed_holds_nothing_back(self, store: FeedStore) -> None:
        add(store, *(make_record(f"f{number}") for number in range(4)))
        sequences = [change.sequence for change in file_changes(store, after="", limit=10)]
        store.move_checkpoint("slow", expected="", sequence=sequences[0])
        store.move_checkpoint("fast", expected="", sequence=sequences[2])
        with pytest.raises(CheckpointConflict):
            store.move_checkpoint("slow", expected=sequences[1], sequence="")
        store.move_checkpoint("slow", expected=sequences[0], sequence="")
        assert store.checkpoint("slow") == ""
        assert store.trim_changes(limit=10) == 3
        store.move_checkpoint("fast", expected=sequences[2], sequence="")
        assert store.trim_changes(limit=10) == 0
        store.move_checkpoint("slow", expected="", sequence=sequences[3])
        assert store.checkpoint("slow") == sequences[3]

    def test_a_checkpoint_that_is_no_sequence_holds_everything_back(self, store: FeedStore) -> None:
        add(store, make_record("f1"), make_record("f2"))
        last = store.last_sequence()
        store.move_checkpoint("relay", expected="", sequence=last)
        for place in ('{"place": [9, "f1"]}', "9 f1"):
            store.move_checkpoint("syncer", expected="", sequence=place)
            assert store.checkpoint("syncer") == place
            assert not store.has_passed(last, place)
            assert store.trim_changes(limit=10) == 0
            store.move_checkpoint("syncer", expected=place, sequence="")
        assert store.trim_changes(limit=10) == 2

    def test_without_checkpoints_nothing_is_trimmed(self, store: FeedStore) -> None:
        add(store, make_record())
        assert store.trim_changes(limit=10) == 0
        assert len(file_changes(store, after="", limit=10)) == 1

    def test_trimming_never_passes_the_slowest_checkpoint(self, store: FeedStore) -> None:
        add(store, *(make_record(f"f{number:02}") for number in range(12)))
        changes = file_changes(store, after="", limit=100)
        store.move_checkpoint("fast", expected="", sequence=changes[10].sequence)
        store.move_checkpoint("slow", expected="", sequence=changes[5].sequence)
        assert store.trim_changes(limit=4) == 4
        assert store.trim_changes(limit=100) == 2
        assert store.trim_changes(limit=100) == 0
        assert file_changes(store, after="", limit=100) == changes[6:]
        assert file_changes(store, after=changes[2].sequence, limit=100) == changes[6:]
        assert file_changes(store, after=changes[5].sequence, limit=100) == changes[6:]
        store.move_checkpoint("slow", expected=changes[5].sequence, sequence=changes[11].sequence)
        assert store.trim_changes(limit=100) == 5
        assert file_changes(store, after="", limit=100) == changes[11:]

    def test_a_trimmed_feed_goes_on_behind_its_last_sequence(self, store: FeedStore) -> None:
        add(store, make_record("f1"), make_record("f2"))
        last = store.last_sequence()
        store.move_checkpoint("relay", expected="", sequence=last)
        assert store.trim_changes(limit=10) == 2
        assert store.last_sequence() == last
        assert file_changes(store, after="", limit=10) == []
        add(store, make_record("f3"))
        assert [change.file_id for change in file_changes(store, after=last, limit=10)] == ["f3"]
        assert store.last_sequence() != last

    def test_a_consumer_misses_nothing_while_the_feed_is_trimmed(self, store: FeedStore) -> None:
        finished = Event()

        def work(number: int) -> list[str]:
            if number == 0:
                for index in range(60):
                    save(store, make_record(f"f{index:02}"))
                finished.set()
                return []
            if number == 1:
                while not finished.is_set():
                    store.trim_changes(limit=3)
                return []
            seen: list[str] = []
            while not (finished.is_set() and store.checkpoint("relay") == store.last_sequence()):
                place = store.checkpoint("relay")
                batch = file_changes(store, after=place, limit=5)
                if batch:
                    seen += [change.file_id for change in batch]
                    store.move_checkpoint("relay", expected=place, sequence=batch[-1].sequence)
            return seen

        assert in_threads(3, work) == [[], [], [f"f{index:02}" for index in range(60)]]


class ChangesContract(FeedContract, CheckpointContract):
    """The capability ``SupportsChanges``."""
