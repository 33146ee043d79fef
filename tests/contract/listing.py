"""Part of the contract of the metadata stores: lists, told from what ``storage_adapters.query`` says of each record."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from storage_adapters import (
    FIELDS,
    OPERATORS,
    SORT_FIELDS,
    Access,
    Condition,
    FileRecord,
    FileStatus,
    Kind,
    ListQuery,
    MetadataStore,
    Page,
    Position,
)
from storage_adapters.query import MEDIA_ORDERS
from tests.contract.consistency import assert_consistent
from tests.contract.metadata_scenes import (
    NOW,
    ODD_TEXTS,
    add,
    delete,
    expected,
    ids,
    make_record,
    pages,
    save,
    various_records,
    walk,
)

DIRECTIONS = [False, True]


class Filled(NamedTuple):
    """A store and the records in it."""

    store: MetadataStore
    records: list[FileRecord]


_SINGLE_VALUES: dict[Kind, list[Any]] = {
    Kind.TEXT: ["", "film", "FILM", "f01", "ann", "private", "pending", "video/mp4", "ß", "a\0b", "about", "clip"],
    Kind.INTEGER: [0, 1, NOW, NOW + 1, -1, 2**53, 2**53 + 1],
    Kind.BOOLEAN: [True, False],
    Kind.TAGS: ["red", "", "RED", "3:bob"],
}


def conditions_of(field: str, *, step: int = 1) -> list[Condition]:
    """Every operator of a field with every n-th of the values that some records have and others have not."""
    values = _SINGLE_VALUES[FIELDS[field]]
    conditions: list[Condition] = []
    for op in sorted(OPERATORS[FIELDS[field]]):
        match op:
            case "exists" | "empty":
                chosen: list[Any] = [True, False]
            case "in":
                chosen = [(), tuple(values[:1]), tuple(values)]
            case _:
                chosen = values
        # Another value first for each operator.
        first = len(conditions) % min(step, len(chosen))
        conditions += [Condition(field=field, op=op, value=value) for value in chosen[first::step]]
    return conditions


def assert_answers(store: MetadataStore, records: list[FileRecord], query: ListQuery) -> None:
    """The walk of the query gives what the records say, in both directions."""
    for descending in DIRECTIONS:
        asked = replace(query, descending=descending)
        assert ids(walk(store, asked)) == ids(expected(records, asked)), asked


FIELD_GROUPS = [tuple(FIELDS)[first::4] for first in range(4)]


class FilledContract:
    """A store with records, for tests that only read it."""

    values_step = 1

    @pytest.fixture
    def filled(self, store: MetadataStore) -> Filled:
        return Filled(store, add(store, *various_records()))


class MeaningContract(FilledContract):
    """Which files a list holds."""

    def test_an_empty_store_lists_nothing(self, store: MetadataStore) -> None:
        for query in (ListQuery(), ListQuery(owner="ann"), ListQuery(tags=("red", "green"), owner="ann")):
            assert store.find(query) == Page(records=(), next_position=None)

    def test_a_list_holds_whole_records(self, filled: Filled) -> None:
        store, records = filled
        found = store.find(ListQuery(limit=100, order_by="created_at", descending=False, section=None)).records
        assert sorted(found, key=lambda record: record.file_id) == records

    @pytest.mark.parametrize("fields", FIELD_GROUPS, ids=lambda fields: fields[0])
    def test_every_operator_of_a_field_selects_what_it_says(self, filled: Filled, fields: tuple[str, ...]) -> None:
        store, records = filled
        for number, condition in enumerate(
            each for field in fields for each in conditions_of(field, step=self.values_step)
        ):
            # In pages, and every other one at once: the selection is the same, and a page is a request.
            limit = 100 if number % 2 else 7
            assert_answers(store, records, ListQuery(conditions=(condition,), limit=limit, order_by="name"))

    def test_all_restrictions_hold_together(self, filled: Filled) -> None:
        store, records = filled
        owners = (None, "ann", "3:bob", "nobody")
        tags: tuple[tuple[str, ...], ...] = ((), ("red",), ("green", "red"), ("3:bob", "red", "unknown"))
        accesses = (None, Access.PUBLIC)
        statuses = (None, FileStatus.PENDING, FileStatus.PROCESSED)
        for owner, public_only, tag, access, status in itertools.product(owners, DIRECTIONS, tags, accesses, statuses):
            query = ListQuery(owner=owner, public_only=public_only, tags=tag, access=access, status=status)
            assert_answers(store, records, replace(query, limit=5, order_by="size"))

    @pytest.mark.parametrize("search", ["film", "FILM about", "ss", "red", "a\0b", "nothing like it", " ", ""])
    def test_a_search_finds_every_word_anywhere(self, filled: Filled, search: str) -> None:
        store, records = filled
        assert_answers(store, records, ListQuery(search=search))
        assert_answers(store, records, ListQuery(search=search, owner="ann", conditions=(conditions_of("size")[0],)))

    def test_odd_owners_and_tags_have_lists_of_their_own(self, store: MetadataStore) -> None:
        texts = ["x", "y", "x:y", "y:x", "x\0y", "y\0x", "1:x", "1:x1:y", *ODD_TEXTS[:4]]
        pairs = list(itertools.product(texts, texts[:8]))
        add(store, *(make_record(f"f{n:03}", owner=o, tags=(t,)) for n, (o, t) in enumerate(pairs)))
        for number, (owner, tag) in enumerate(pairs):
            assert ids(walk(store, ListQuery(owner=owner, tags=(tag,)))) == [f"f{number:03}"]

    def test_public_lists_hold_finished_public_files_only(self, store: MetadataStore) -> None:
        public = {"access": Access.PUBLIC, "status": FileStatus.PROCESSED, "processed_at": NOW, "tags": ("red",)}
        add(
            store,
            make_record("listed", **public),
            make_record("private", **{**public, "access": Access.PRIVATE}),
            make_record("unlisted", **{**public, "access": Access.UNLISTED}),
            make_record("unfinished", **{**public, "processed_at": None}),
            make_record("temporary", **{**public, "temporary": True}),
            make_record("again", **{**public, "status": FileStatus.PROCESSING}),
        )
        assert ids(walk(store, ListQuery(public_only=True))) == ["listed", "again"]
        assert ids(walk(store, ListQuery(public_only=True, tags=("red",)))) == ["listed", "again"]

    def test_a_changed_file_leaves_the_lists_it_no_longer_belongs_to(self, store: MetadataStore) -> None:
        record = save(store, make_record(tags=("red", "green"), status=FileStatus.UPLOADED))
        save(store, record, owner="bob", tags=("green",), status=FileStatus.PROCESSED)
        assert walk(store, ListQuery(owner="ann")) == []
        assert walk(store, ListQuery(owner="bob", tags=("red",))) == []
        assert walk(store, ListQuery(status=FileStatus.UPLOADED)) == []
        assert ids(walk(store, ListQuery(owner="bob", tags=("green",)))) == ["f1"]


class OrderContract(FilledContract):
    """In which order a list holds them."""

    @pytest.mark.parametrize("order_by", SORT_FIELDS)
    @pytest.mark.parametrize("limit", [1, 2, 3, 40, 100])
    def test_every_field_sorts_both_ways_in_pages_of_any_size(self, filled: Filled, order_by: str, limit: int) -> None:
        store, records = filled
        assert_answers(store, records, ListQuery(order_by=order_by, limit=limit))
        assert_answers(store, records, ListQuery(order_by=order_by, limit=limit, owner="ann"))

    @pytest.mark.parametrize("order_by", MEDIA_ORDERS)
    def test_an_order_by_what_media_tells_holds_the_files_that_have_the_value(
        self, filled: Filled, order_by: str
    ) -> None:
        store, records = filled
        clips, late = (
            Condition(field="media.kind", op="eq", value="clip"),
            Condition(field="captured_at", op="gte", value=NOW - 2),
        )
        for limit in (1, 3, 100):
            query = ListQuery(owner="ann", order_by=order_by, limit=limit)
            assert_answers(store, records, query)
            assert_answers(store, records, replace(query, tags=("red",), search="film"))
            assert_answers(store, records, replace(query, public_only=True))
            for conditions in ((clips,), (late,), (clips, late)):
                assert_answers(store, records, replace(query, conditions=conditions))
        assert walk(store, replace(query, owner="nobody")) == []

    def test_a_file_leaves_the_order_by_what_media_tells_with_its_value(self, store: MetadataStore) -> None:
        captured = ListQuery(owner="ann", order_by="captured_at")
        lasting = replace(captured, order_by="media.duration_ms")
        record = save(store, make_record(captured_at=-7, media={"duration_ms": 5}))
        save(store, make_record("f2"))
        assert ids(walk(store, captured)) == ids(walk(store, lasting)) == ["f1"]
        record = save(store, record, captured_at=9, media={"kind": "clip"})
        assert (walk(store, captured), walk(store, lasting)) == ([record], [])
        trashed = save(store, record, trashed_at=NOW)
        assert walk(store, captured) == []
        record = save(store, trashed, trashed_at=None)
        assert walk(store, captured) == [record]
        save(store, record, captured_at=None)
        assert walk(store, captured) == []
        assert_consistent(store)

    @pytest.mark.parametrize("descending", DIRECTIONS)
    def test_missing_values_come_last_in_both_directions(self, store: MetadataStore, descending: bool) -> None:
        times = {"f1": None, "f2": 5, "f3": None, "f4": 0, "f5": 5}
        add(store, *(make_record(file_id, uploaded_at=time) for file_id, time in times.items()))
        wanted = ["f5", "f2", "f4", "f3", "f1"] if descending else ["f4", "f2", "f5", "f1", "f3"]
        for limit in (1, 2, 3, 4, 5, 6):
            query = ListQuery(order_by="uploaded_at", descending=descending, limit=limit)
            assert ids(walk(store, query)) == wanted

    @pytest.mark.parametrize("descending", DIRECTIONS)
    def test_names_sort_by_the_code_points_of_their_folded_form(self, store: MetadataStore, descending: bool) -> None:
        in_order = ["", "\0", "A", "a\0", "a\0b", "ab", "B", "STRASSE", "straße", "Z", "é", "\uffff", "\U0001f3a5"]
        add(store, *(make_record(f"f{number:02}", name=name) for number, name in enumerate(in_order)))
        found = walk(store, ListQuery(order_by="name", descending=descending, limit=3))
        assert [r.name for r in found] == (in_order[::-1] if descending else in_order)

    @pytest.mark.parametrize("descending", DIRECTIONS)
    @pytest.mark.parametrize("ties", [{"name": ""}, {"name": "x"}, {"size": 0}, {"expires_at": 0}])
    def test_equal_values_are_told_apart_by_id(
        self, store: MetadataStore, ties: dict[str, Any], descending: bool
    ) -> None:
        records = add(store, *(make_record(f"f{number}", **ties) for number in range(5)))
        for limit in (1, 2, 4):
            found = walk(store, ListQuery(order_by=next(iter(ties)), descending=descending, limit=limit))
            assert found == (records[::-1] if descending else records)

    def test_big_numbers_sort_exactly(self, store: MetadataStore) -> None:
        sizes = [0, 1, 2**53, 2**53 + 1, 2**53 + 2, 2**62]
        add(store, *(make_record(f"f{number}", size=size) for number, size in enumerate(sizes)))
        found = walk(store, ListQuery(order_by="size", descending=False, limit=1))
        assert [record.size for record in found] == sizes

    def test_a_page_may_begin_behind_any_place(self, store: MetadataStore) -> None:
        add(store, *(make_record(f"f{number}", size=number) for number in (1, 3, 5)), make_record("f9", size=5))
        ascending = ListQuery(order_by="size", descending=False)
        descending = replace(ascending, descending=True)
        for query, place, wanted in [
            (ascending, Position(value=2, file_id="gone"), ["f3", "f5", "f9"]),
            (ascending, Position(value=3, file_id=""), ["f3", "f5", "f9"]),
            (ascending, Position(value=3, file_id="f3"), ["f5", "f9"]),
            (ascending, Position(value=5, file_id="f6"), ["f9"]),
            (ascending, Position(value=6, file_id=""), []),
            (ascending, Position(value=None, file_id="f0"), []),
            (descending, Position(value=5, file_id="f9"), ["f5", "f3", "f1"]),
            (descending, Position(value=4, file_id="gone"), ["f3", "f1"]),
            (descending, Position(value=0, file_id="gone"), []),
        ]:
            assert ids(store.find(replace(query, after=place)).records) == wanted


class WalkContract(FilledContract):
    """How a list is read page by page while others write."""

    def test_the_last_page_says_that_there_are_no_more(self, store: MetadataStore) -> None:
        records = add(store, *(make_record(f"f{number}") for number in range(6)))
        for limit, sizes in [(2, [2, 2, 2]), (4, [4, 2]), (6, [6]), (7, [6])]:
            query = ListQuery(owner="ann", limit=limit, order_by="created_at")
            assert [len(page.records) for page in pages(store, query)] == sizes
        assert len(records) == 6

    def test_a_walk_gives_every_unchanged_file_once_whatever_is_written_meanwhile(self, store: MetadataStore) -> None:
        records = add(store, *(make_record(f"f{n:02}", size=n // 3, tags=("red",)) for n in range(40)))
        stable = {record.file_id for record in records[::2]}
        for query in (ListQuery(), ListQuery(owner="ann"), ListQuery(owner="ann", tags=("red",))):
            for descending in DIRECTIONS:
                seen: list[str] = []
                asked = replace(query, order_by="size", descending=descending, limit=3)
                for number, page in enumerate(pages(store, asked)):
                    seen += [file_id for file_id in ids(page.records) if file_id in stable]
                    moved = store.find(ListQuery(owner="ann", order_by="name", limit=40)).records
                    target = next(r for r in moved[number % len(moved) :] + moved if r.file_id not in stable)
                    save(store, target, size=(target.size * 7 + number) % 14, name=f"moved {number}")
                    add(store, make_record(f"new {descending} {query.owner} {query.tags} {number}", size=number))
                assert sorted(seen) == sorted(stable)

    def test_a_page_goes_on_where_its_last_file_was_after_that_file_is_gone(self, store: MetadataStore) -> None:
        records = add(store, *(make_record(f"f{number}", size=number) for number in range(6)))
        query = ListQuery(order_by="size", descending=False, limit=2)
        first = store.find(query)
        delete(store, records[1])
        delete(store, records[2])
        assert ids(store.find(replace(query, after=first.next_position)).records) == ["f3", "f4"]

    def test_a_page_that_met_the_scan_limit_ends_early_and_goes_on_behind_what_it_saw(
        self, store: MetadataStore
    ) -> None:
        add(store, *(make_record(f"f{n:02}", size=n, immutable=n in (7, 19)) for n in range(20)))
        rare = (Condition(field="immutable", op="eq", value=True),)
        query = ListQuery(conditions=rare, order_by="size", descending=False, limit=2, scan_limit=5)
        walked = list(pages(store, query))
        assert [ids(page.records) for page in walked] == [[], ["f07"], [], ["f19"]]
        assert walked[0].next_position == Position(value=4, file_id="f04")
        assert walked[-1].next_position is None

    def test_the_scan_limit_bounds_a_page_without_any_filter(self, store: MetadataStore) -> None:
        add(store, *(make_record(f"f{number}", size=number) for number in range(5)))
        sizes = [len(page.records) for page in pages(store, ListQuery(limit=4, scan_limit=2, order_by="size"))]
        assert sizes == [2, 2, 1]

    @pytest.mark.parametrize("order_by", SORT_FIELDS)
    @pytest.mark.parametrize("scan_limit", [1, 3, 40])
    def test_a_bounded_walk_finds_all_the_same(self, filled: Filled, order_by: str, scan_limit: int) -> None:
        store, records = filled
        small = (Condition(field="size", op="lte", value=1),)
        query = ListQuery(conditions=small, tags=("red",), order_by=order_by, limit=2, scan_limit=scan_limit)
        assert_answers(store, records, query)
        assert_answers(store, records, replace(query, tags=("red", "green"), owner="ann"))

    def test_of_several_tags_a_rare_one_spares_the_work(self, store: MetadataStore) -> None:
        add(store, *(make_record(f"f{n:02}", tags=("common", "frequent"), size=n) for n in range(30)))
        add(store, make_record("f90", tags=("common", "frequent", "rare"), size=90))
        query = ListQuery(owner="ann", tags=("common", "frequent", "rare"), order_by="size", descending=False)
        page = store.find(replace(query, scan_limit=10))
        assert ids(page.records) in (["f90"], [])
        assert ids(walk(store, replace(query, scan_limit=10))) == ["f90"]


class ListingContract(MeaningContract, OrderContract, WalkContract):
    """``MetadataStore.find``."""
