"""Part of the contract of the metadata stores: saving, also at the same moment."""

from __future__ import annotations

from dataclasses import replace

import pytest

from storage_adapters import (
    JSON,
    Access,
    Failure,
    FileRecord,
    FileStatus,
    Lease,
    ListQuery,
    MetadataStore,
    RecordDeleted,
    RecordNotFound,
    RevisionConflict,
    Usage,
)
from tests.contract.blob_scenes import in_threads
from tests.contract.consistency import assert_consistent
from tests.contract.metadata_scenes import NOW, add, delete, make_part, make_record, save, various_records

THREADS = 8


class SavingContract:
    """A record is written whole, once per revision, together with everything that follows from it."""

    def test_a_saved_record_is_read_back_whole(self, store: MetadataStore) -> None:
        records = various_records()
        for record in records:
            saved = store.save(record, expected_revision=0, changed_at=NOW, event="created")
            assert saved == replace(record, revision=1)
        for record in records:
            assert store.get(record.file_id) == replace(record, revision=1)

    def test_every_field_is_kept(self, store: MetadataStore) -> None:
        record = make_record(
            grantees=("bob", "carol"),
            alias="film",
            meta={"deep": {"list": [1, 2.5, None, True, "é"]}, "": "empty key"},
            parts=(make_part(md5="0" * 32, crc32c="0" * 8, sha256="0" * 64, generation="7", received_at=NOW),),
            upload_expires_at=NOW + 1,
            urls_expire_at=NOW + 3,
            error=Failure(code="sniffed", message="not a video", attempts=2),
            lease=Lease(worker="w1", until=NOW + 2),
            request_id="r1",
            parent_id="f0",
            post_action={"hook": {"url": "x"}},
            access_epoch=3,
            lost_parts=("p0", "p1"),
        )
        assert store.get(save(store, record).file_id) == replace(record, revision=1)
        assert store.find(ListQuery(owner=record.owner)).records == (replace(record, revision=1),)

    def test_meta_as_deep_as_an_earlier_version_took_it_is_kept_and_found(self, store: MetadataStore) -> None:
        meta: JSON = {}
        for _ in range(253):
            meta = {"a": meta}
        saved = save(store, make_record(meta=meta))
        saved = save(store, saved, name="again")
        assert store.get("f1") == saved
        assert store.find(ListQuery()).records == (saved,)
        assert_consistent(store)
        delete(store, saved)

    def test_an_unknown_file_is_not_found(self, store: MetadataStore) -> None:
        add(store, make_record("f1"))
        for unknown in ("f2", "", "f", "F1", "f1\0", "\0"):
            with pytest.raises(RecordNotFound) as raised:
                store.get(unknown)
            assert not isinstance(raised.value, RecordDeleted)

    def test_the_stored_revision_follows_the_expected_one(self, store: MetadataStore) -> None:
        for expected in range(3):
            saved = store.save(make_record(revision=99), expected_revision=expected, changed_at=NOW, event=None)
            assert saved.revision == expected + 1
            assert store.get("f1").revision == expected + 1

    @pytest.mark.parametrize("expected", [0, 1, 3, -1])
    def test_a_stale_revision_is_a_conflict_and_changes_nothing(self, store: MetadataStore, expected: int) -> None:
        saved = save(store, save(store, make_record()), name="second")
        with pytest.raises(RevisionConflict):
            store.save(make_record(name="third"), expected_revision=expected, changed_at=NOW, event=None)
        assert store.get("f1") == saved
        assert_consistent(store)

    @pytest.mark.parametrize("expected", [1, 2, -1])
    def test_a_later_revision_of_an_unknown_file_is_a_conflict(self, store: MetadataStore, expected: int) -> None:
        with pytest.raises(RevisionConflict):
            store.save(make_record(), expected_revision=expected, changed_at=NOW, event=None)
        with pytest.raises(RecordNotFound):
            store.get("f1")

    def test_what_callers_do_to_their_copies_does_not_reach_the_store(self, store: MetadataStore) -> None:
        meta = {"description": "as saved"}
        add(store, make_record(meta=meta))
        meta["description"] = "changed by the writer"
        read = store.get("f1").meta
        assert isinstance(read, dict)
        read["description"] = "changed by a reader"
        listed = store.find(ListQuery()).records[0].meta
        assert isinstance(listed, dict)
        listed["description"] = "changed by another"
        assert store.get("f1").meta == {"description": "as saved"}

    def test_one_write_moves_the_record_with_everything_that_follows_from_it(self, store: MetadataStore) -> None:
        records = add(store, *various_records())
        for index, record in enumerate(records[::3]):
            records[index * 3] = save(
                store,
                record,
                owner="carol",
                name=f"New {index}",
                alias=f"new {index}",
                tags=("blue", *record.tags[1:]),
                access=Access.PUBLIC,
                status=FileStatus.PROCESSED,
                processed_at=NOW,
                temporary=False,
                content_type="text/plain",
                size=7 * index,
            )
            if index % 5 == 0:
                assert_consistent(store)
        for record in records[::4]:
            delete(store, record)
        assert len(assert_consistent(store)) == 30
        for record in assert_consistent(store):
            delete(store, record)
        assert assert_consistent(store) == []
        assert store.usage(None) == Usage()

    def test_a_save_and_a_deletion_go_by_the_record_that_the_caller_has(self, store: MetadataStore) -> None:
        records = add(store, *various_records())
        for record in records[::2]:
            changed = replace(record, name="renamed", alias=f"new {record.file_id}", tags=("blue",), size=5)
            loaded = store.get(record.file_id)
            saved = store.save(changed, expected_revision=1, changed_at=NOW, event=None, before=loaded)
            assert saved == replace(changed, revision=2)
            assert store.get(record.file_id) == saved
        assert_consistent(store)
        for record in records[::3]:
            loaded = store.get(record.file_id)
            tombstone = store.delete(
                record.file_id,
                expected_revision=loaded.revision,
                deleted_at=NOW,
                event=None,
                clean_after=NOW,
                before=loaded,
            )
            assert (tombstone.owner, tombstone.parts) == (loaded.owner, loaded.parts)
        assert len(assert_consistent(store)) == 26

    @pytest.mark.parametrize("revision", [0, 1, 2, 3])
    def test_a_record_that_is_not_the_stored_one_misleads_nobody(self, store: MetadataStore, revision: int) -> None:
        first = save(store, make_record(alias="film", tags=("red",), meta={"a": 1}))
        saved = save(store, first, alias="movie", tags=("green",), size=7)
        add(store, make_record("f2", alias="other"))
        wrong = replace(first, owner="bob", alias="other", tags=("blue",), parts=(), revision=revision)
        for before in (wrong, replace(wrong, file_id="f2"), first, replace(first, revision=revision)):
            with pytest.raises(RevisionConflict):
                store.save(first, expected_revision=1, changed_at=NOW, event=None, before=before)
            changed = replace(saved, name=f"{saved.name}+", alias="film")
            saved = store.save(changed, expected_revision=saved.revision, changed_at=NOW, event=None, before=before)
            assert store.get("f1") == saved
            assert store.resolve("ann", "alias", ["film", "movie", "other"]) == ["f1", None, "f2"]
            assert_consistent(store)
        wrong = replace(wrong, revision=saved.revision)
        tombstone = store.delete(
            "f1", expected_revision=saved.revision, deleted_at=NOW, event=None, clean_after=NOW, before=wrong
        )
        assert (tombstone.owner, tombstone.parts) == (saved.owner, saved.parts)
        assert len(assert_consistent(store)) == 1

    def test_of_concurrent_saves_of_one_revision_exactly_one_wins(self, store: MetadataStore) -> None:
        record = save(store, make_record())
        for round_number in range(10):
            current = record

            def write(number: int, current: FileRecord = current, label: int = round_number) -> FileRecord:
                return save(store, current, name=f"{label}-{number}", alias=f"alias {number}", size=number)

            results = in_threads(THREADS, write)
            winners = [result for result in results if isinstance(result, FileRecord)]
            assert len(winners) == 1
            assert sum(isinstance(result, RevisionConflict) for result in results) == THREADS - 1
            record = winners[0]
            assert store.get("f1") == record
        assert_consistent(store)

    def test_of_concurrent_creations_of_one_file_exactly_one_wins(self, store: MetadataStore) -> None:
        results = in_threads(THREADS, lambda number: save(store, make_record(name=f"{number}")))
        winners = [result for result in results if isinstance(result, FileRecord)]
        assert winners == [store.get("f1")]
        assert sum(isinstance(result, RevisionConflict) for result in results) == THREADS - 1

    def test_no_concurrent_change_is_lost(self, store: MetadataStore) -> None:
        save(store, make_record(size=0))

        def grow(_: int) -> None:
            for _ in range(10):
                while True:
                    record = store.get("f1")
                    try:
                        save(store, record, size=record.size + 1)
                        break
                    except RevisionConflict:
                        continue

        assert in_threads(4, grow) == [None] * 4
        assert store.get("f1").size == 40
        assert store.get("f1").revision == 41
        assert_consistent(store)

    def test_concurrent_writers_of_different_files_do_not_disturb_each_other(self, store: MetadataStore) -> None:
        def write(number: int) -> None:
            for index in range(10):
                record = save(store, make_record(f"f{number}-{index}", owner=f"o{number % 2}", tags=("t",)))
                record = save(store, record, status=FileStatus.UPLOADED, uploaded_at=NOW + index, size=index)
                if index % 3 == 0:
                    delete(store, record)

        assert in_threads(THREADS, write) == [None] * THREADS
        assert len(assert_consistent(store)) == THREADS * 6
