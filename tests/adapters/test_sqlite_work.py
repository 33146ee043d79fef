"""How much work the SQLite store does, counted in SQLite's own steps and rows: it must not grow with the files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from storage_adapters import Access, Condition, FileStatus, ListQuery, Position
from storage_adapters.metadata.sqlite import SqliteMetadataStore
from storage_adapters.metadata.sqlite.listing import _BATCH_SQL
from tests.adapters.sqlite_files import opened
from tests.contract.metadata_scenes import NOW, add, make_record, save

FILES = 1_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteMetadataStore]:
    with opened(tmp_path / "files.db") as store:
        with store._connections.reading() as connection:
            connection.execute("PRAGMA synchronous = OFF")
        for number in range(FILES):
            uploaded_at = None if number % 2 else NOW + number
            tags = ("common", "rare") if number % 200 == 0 else ("common",)
            add(store, make_record(f"f{number:04}", size=number, uploaded_at=uploaded_at, tags=tags))
        yield store


def steps(store: SqliteMetadataStore, work: Callable[[], object]) -> int:
    """Count the instructions of SQLite's machine that the work takes; one thread alone uses one connection."""
    counted = 0

    def count() -> int:
        nonlocal counted
        counted += 1
        return 0

    with store._connections.reading() as connection:
        connection.set_progress_handler(count, 1)
    work()
    with store._connections.reading() as connection:
        connection.set_progress_handler(None, 1)
    return counted


def changed_rows(store: SqliteMetadataStore, work: Callable[[], object]) -> int:
    with store._connections.reading() as connection:
        before = connection.total_changes
    work()
    with store._connections.reading() as connection:
        return connection.total_changes - before


@pytest.mark.parametrize("sql", _BATCH_SQL.values())
def test_a_batch_is_read_in_the_order_of_the_index(store: SqliteMetadataStore, sql: str) -> None:
    names = ("scope", "field", "missing", "value", "file_id", "batch")
    with store._connections.reading() as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {sql}", dict.fromkeys(names, 1)).fetchall()
    details = [row[3] for row in plan]
    assert len(details) == 2, details
    assert details[0].startswith("SEARCH listing USING PRIMARY KEY (scope=? AND field=? AND missing=?"), details
    assert details[1] == "SEARCH files USING INDEX sqlite_autoindex_files_1 (file_id=?)"


@pytest.mark.parametrize("descending", [False, True])
def test_a_deep_page_costs_what_the_first_page_costs(store: SqliteMetadataStore, descending: bool) -> None:
    def page_behind(number: int) -> int:
        place = Position(value=number, file_id=f"f{number:04}")
        query = ListQuery(owner="ann", order_by="size", descending=descending, after=place)
        assert len(store.find(query).records) == 20
        return steps(store, lambda: store.find(query))

    def page_behind_missing(number: int) -> int:
        query = ListQuery(owner="ann", descending=descending, after=Position(value=None, file_id=f"f{number:04}"))
        assert len(store.find(query).records) == 20
        return steps(store, lambda: store.find(query))

    assert page_behind(50) == page_behind(FILES // 2) == page_behind(FILES - 50)
    assert page_behind_missing(51) == page_behind_missing(FILES // 2 + 1) == page_behind_missing(FILES - 51)


def test_an_unselective_filter_reads_no_further_than_the_scan_limit(store: SqliteMetadataStore) -> None:
    never = (Condition(field="size", op="eq", value=-1),)
    query = ListQuery(owner="ann", order_by="size", conditions=never)
    few = steps(store, lambda: store.find(replace(query, scan_limit=50)))
    more = steps(store, lambda: store.find(replace(query, scan_limit=100)))
    everything = steps(store, lambda: store.find(query))
    assert few < more < everything / 3


def test_of_several_tags_the_rarest_is_read(store: SqliteMetadataStore) -> None:
    for tags in (("common", "rare"), ("rare", "common")):
        query = ListQuery(owner="ann", tags=tags, order_by="size", descending=False, scan_limit=5)
        page = store.find(query)
        assert [record.size for record in page.records] == [0, 200, 400, 600, 800]
        assert page.next_position is None


def test_counters_and_the_digest_cost_the_same_however_many_files_there_are(store: SqliteMetadataStore) -> None:
    for read in (lambda: store.usage(None), lambda: store.usage("ann"), lambda: store.get("f0007"), store.digest):
        assert steps(store, read) < 12 * 256
    assert steps(store, lambda: store.usage("ann")) < 200


def test_a_save_that_changes_nothing_sortable_touches_few_rows(store: SqliteMetadataStore) -> None:
    record = store.get("f0000")
    assert changed_rows(store, lambda: save(store, record, meta={"new": 1}, access=Access.SHARED)) <= 7


def test_a_save_moves_only_the_places_that_changed(store: SqliteMetadataStore) -> None:
    record = store.get("f0000")
    scopes = 5  # all, owner, two tags, status
    assert changed_rows(store, lambda: save(store, record, name="New name")) <= 2 * scopes + 3
    renamed = store.get("f0000")
    assert changed_rows(store, lambda: save(store, renamed, status=FileStatus.UPLOADED)) <= 12 + 3 + 6


def test_a_deletion_leaves_no_place_behind(store: SqliteMetadataStore) -> None:
    with store._connections.reading() as connection:
        before = connection.execute("SELECT count(*) FROM listing").fetchone()[0]
    store.delete("f0000", expected_revision=1, deleted_at=NOW, event=None, clean_after=None)
    with store._connections.reading() as connection:
        assert connection.execute("SELECT count(*) FROM listing").fetchone()[0] == before - 5 * 6
