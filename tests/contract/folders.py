"""Part of the contract of the metadata stores: folders, the trash, and uploads of versions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from storage_adapters import (
    Access,
    FileStatus,
    ListQuery,
    MetadataStore,
    NameTaken,
    Page,
    Section,
    Tally,
    Usage,
)
from tests.contract.consistency import assert_consistent
from tests.contract.metadata_scenes import (
    NOW,
    add,
    delete,
    expected,
    expected_folders,
    ids,
    make_part,
    make_record,
    make_version,
    pages,
    save,
    walk,
)

PATHS = ("a", "a-b/x", "a/1", "a/b/1", "a/b/2", "a/c", "a0", "b//x", "b/x", "ß/x", "\uffff/x", "\U0001f3a5/x")


def in_folders(prefix: str = "", **fields: Any) -> ListQuery:
    """A page of the files and folders of ann."""
    values: dict[str, Any] = {
        "owner": "ann",
        "order_by": "path",
        "descending": False,
        "prefix": prefix,
        "delimiter": "/",
    }
    return ListQuery(**{**values, **fields})


def fill(store: MetadataStore, paths: Iterable[str] = PATHS) -> None:
    add(store, *(make_record(f"f{number:03}", path=path) for number, path in enumerate(paths)), make_record("loose"))


class FoldersOfPathsContract:
    """Paths are listed in the order of their code points, folders among them."""

    def test_a_folder_stands_among_the_files_in_the_order_of_paths(self, store: MetadataStore) -> None:
        fill(store)
        page = store.find(in_folders())
        assert [record.path for record in page.records] == ["a", "a0"]
        assert page.folders == ("a-b/", "a/", "b/", "ß/", "\uffff/", "\U0001f3a5/")
        below = store.find(in_folders("a/"))
        assert ([record.path for record in below.records], below.folders) == (["a/1", "a/c"], ("a/b/",))
        assert store.find(in_folders("b/")).folders == ("b//",)
        assert store.find(in_folders("nothing/")) == Page(records=(), next_position=None)

    @pytest.mark.parametrize("limit", [1, 2, 3, 5])
    @pytest.mark.parametrize("prefix", ["", "a", "a/", "a/b/", "b/", "b//", "c"])
    def test_pages_of_any_length_give_each_file_and_folder_once(
        self, store: MetadataStore, prefix: str, limit: int
    ) -> None:
        fill(store)
        records = walk(store, ListQuery(limit=100))
        for delimiter in ("/", ""):
            query = in_folders(prefix, limit=limit, delimiter=delimiter)
            found = list(pages(store, query))
            assert [record for page in found for record in page.records] == expected(records, query)
            assert [folder for page in found for folder in page.folders] == expected_folders(records, query)

    def test_a_folder_costs_one_look_however_much_lies_in_it(self, store: MetadataStore) -> None:
        fill(store, [*(f"big/{number:03}" for number in range(40)), "last", "small/1"])
        page = store.find(in_folders(scan_limit=3))
        assert (page.folders, ids(page.records)) == (("big/", "small/"), ["f040"])

    def test_case_and_accents_of_a_path_are_kept_apart(self, store: MetadataStore) -> None:
        fill(store, ["B", "a", "Ä", "b", "A", "é", "e\u0301"])
        found = walk(store, in_folders(delimiter=""))
        assert [record.path for record in found] == ["A", "B", "a", "b", "e\u0301", "Ä", "é"]
        assert store.resolve("ann", "path", ["a", "A", "ä"]) == ["f001", "f004", None]

    def test_the_order_by_path_has_the_files_with_a_path_in_both_directions(self, store: MetadataStore) -> None:
        fill(store)
        found = [record.path for record in walk(store, ListQuery(owner="ann", order_by="path", descending=False))]
        assert found == list(PATHS)
        backwards = walk(store, ListQuery(owner="ann", order_by="path", limit=5))
        assert [record.path for record in backwards] == list(reversed(PATHS))
        assert walk(store, ListQuery(owner="ann", order_by="path", tags=("red",))) == []

    def test_a_moved_file_leaves_its_folder(self, store: MetadataStore) -> None:
        record = save(store, make_record(path="a/1"))
        record = save(store, record, path="b/1")
        assert store.find(in_folders()).folders == ("b/",)
        assert store.resolve("ann", "path", ["a/1", "b/1"]) == [None, "f1"]
        save(store, record, path=None)
        assert store.find(in_folders()) == Page(records=(), next_position=None)
        assert_consistent(store)


class TrashContract:
    """A file in the trash is in no list but that of the trash, and holds no path."""

    def test_a_trashed_file_is_listed_in_the_trash_alone(self, store: MetadataStore) -> None:
        shown: dict[str, Any] = {
            "access": Access.PUBLIC,
            "status": FileStatus.PROCESSED,
            "processed_at": NOW,
            "tags": ("red",),
        }
        record = save(store, make_record(path="a/1", **shown))
        record = save(store, record, trashed_at=NOW + 1)
        queries = [
            ListQuery(),
            ListQuery(owner="ann"),
            ListQuery(owner="ann", tags=("red",)),
            ListQuery(public_only=True),
            ListQuery(public_only=True, tags=("red",)),
            in_folders(),
            in_folders(delimiter=""),
        ]
        assert [store.find(query).records for query in queries] == [()] * len(queries)
        for owner in ("ann", None):
            for order_by in ("trashed_at", "created_at"):
                assert walk(store, ListQuery(owner=owner, section=Section.TRASH, order_by=order_by)) == [record]
        assert walk(store, in_folders("a/", section=Section.TRASH)) == [record]
        assert walk(store, ListQuery(section=None)) == [record]
        save(store, record, trashed_at=None)
        assert [len(store.find(query).records + store.find(query).folders) for query in queries] == [1] * len(queries)
        assert walk(store, ListQuery(section=Section.TRASH, order_by="trashed_at")) == []
        assert_consistent(store)

    def test_the_path_of_a_trashed_file_is_free_and_its_alias_is_not(self, store: MetadataStore) -> None:
        first = save(store, make_record("f1", path="a", alias="one"))
        first = save(store, first, trashed_at=NOW)
        assert store.resolve("ann", "path", ["a"]) == [None]
        assert store.resolve("ann", "alias", ["one"]) == ["f1"]
        second = save(store, make_record("f2", path="a"))
        with pytest.raises(NameTaken) as raised:
            save(store, first, trashed_at=None)
        assert (raised.value.kind, raised.value.file_id) == ("path", "f2")
        second = save(store, second, trashed_at=NOW + 1)
        query = in_folders(section=Section.TRASH, delimiter="")
        assert walk(store, query) == [first, second]
        delete(store, second)
        save(store, first, trashed_at=None)
        assert store.resolve("ann", "path", ["a"]) == ["f1"]
        assert_consistent(store)

    def test_a_worker_finds_unfinished_files_in_every_section(self, store: MetadataStore) -> None:
        records = add(
            store,
            make_record("f1", status=FileStatus.UPLOADED),
            make_record("f2", status=FileStatus.UPLOADED, trashed_at=NOW),
            make_record("f3", status=FileStatus.UPLOADED, version_of="f1"),
        )
        work = ListQuery(status=FileStatus.UPLOADED, order_by="created_at", descending=False, section=None)
        assert walk(store, work) == records
        assert walk(store, ListQuery(status=FileStatus.UPLOADED)) == records[:1]


class VersionUploadsContract:
    """An upload of a version is in no list of files; versions are counted apart."""

    def test_it_is_listed_with_its_like_alone(self, store: MetadataStore) -> None:
        record = save(store, make_record("f1", version_of="f0", access=Access.PUBLIC, processed_at=NOW))
        for query in (ListQuery(), ListQuery(owner="ann"), ListQuery(public_only=True)):
            assert store.find(query).records == ()
        for owner in ("ann", None):
            assert walk(store, ListQuery(owner=owner, section=Section.VERSIONS, order_by="created_at")) == [record]
        tombstone = delete(store, record, clean_after=None)
        assert (tombstone.version_of, tombstone.parts) == ("f0", ())
        assert_consistent(store)

    def test_trash_and_versions_count_apart(self, store: MetadataStore) -> None:
        versions = (make_version(1), make_version(2))
        first = save(store, make_record("f1", size=10, versions=versions))
        save(store, make_record("f2", size=20, version_of="f1"))
        trashed = save(store, make_record("f3", size=40, trashed_at=NOW, versions=versions[:1]))
        usage = store.usage("ann")
        assert (usage.total, usage.trash) == (Tally(files=1, bytes=10), Tally(files=1, bytes=40))
        assert usage.versions == Tally(files=4, bytes=24)
        assert usage.bytes == 74
        assert usage == store.usage(None)
        save(store, first, versions=())
        save(store, trashed, trashed_at=None)
        usage = store.usage("ann")
        assert (usage.total, usage.trash, usage.versions) == (
            Tally(files=2, bytes=50),
            Tally(),
            Tally(files=2, bytes=21),
        )
        assert_consistent(store)

    def test_a_deletion_leaves_the_blobs_of_all_versions_to_clean(self, store: MetadataStore) -> None:
        former, shared = make_version(1), make_part()
        versions = (former, make_version(2, parts=(shared,)))
        record = save(store, make_record("f1", parts=(shared,), versions=versions))
        assert store.get("f1") == record
        tombstone = delete(store, record, clean_after=NOW)
        assert [part.key for part in tombstone.parts] == [former.parts[0].key, shared.key]
        assert store.usage(None) == Usage()
        assert_consistent(store)


class FoldersContract(FoldersOfPathsContract, TrashContract, VersionUploadsContract):
    """Folders, the trash, and uploads of versions."""
