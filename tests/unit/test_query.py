"""What list queries mean, said by example: every store answers as these functions do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    Position,
    fold,
    position_of,
)
from storage_adapters.query import (
    candidate_scopes,
    field_value,
    found_by,
    index_entries,
    matches,
    satisfies,
    sort_key,
    sort_value,
    values_in,
    whole_scopes,
)
from tests.contract.metadata_scenes import make_part, make_record, various_records
from tests.contract.strategies import queries, records

RECORD = make_record(
    name="Straße 7.MP4",
    alias=None,
    tags=("red", "summer film"),
    meta={"description": "A Summer in Köln", "website": "", "n": 1},
    parts=(make_part("p0"), make_part("p1")),
    size=100,
    status=FileStatus.PROCESSED,
    access=Access.PUBLIC,
    processed_at=5,
)


@pytest.mark.parametrize(
    ("field", "op", "value", "answer"),
    [
        ("name", "eq", "Straße 7.MP4", True),
        ("name", "eq", "straße 7.mp4", False),
        ("name", "ne", "straße 7.mp4", True),
        ("name", "ne", "Straße 7.MP4", False),
        ("name", "in", ("x", "Straße 7.MP4"), True),
        ("name", "in", ("x",), False),
        ("name", "in", (), False),
        ("name", "gt", "Straße 7", True),
        ("name", "gt", "Straße 7.MP4", False),
        ("name", "gte", "Straße 7.MP4", True),
        ("name", "lt", "a", True),
        ("name", "lt", "S", False),
        ("name", "lte", "Straße 7.MP4", True),
        ("name", "prefix", "STRASSE", True),
        ("name", "prefix", "", True),
        ("name", "prefix", "7", False),
        ("name", "contains", "E 7.mp", True),
        ("name", "contains", "8", False),
        ("name", "exists", True, True),
        ("name", "exists", False, False),
        ("name", "empty", False, True),
        ("alias", "eq", "x", False),
        ("alias", "ne", "x", False),
        ("alias", "in", ("x",), False),
        ("alias", "gt", "", False),
        ("alias", "lt", "z", False),
        ("alias", "prefix", "", False),
        ("alias", "contains", "", False),
        ("alias", "exists", False, True),
        ("alias", "exists", True, False),
        ("alias", "empty", True, True),
        ("alias", "empty", False, False),
        ("description", "contains", "KÖLN", True),
        ("description", "prefix", "a summer", True),
        ("website", "exists", True, True),
        ("website", "empty", True, True),
        ("website", "empty", False, False),
        ("website", "eq", "", True),
        ("status", "eq", "processed", True),
        ("status", "in", ("pending", "processed"), True),
        ("access", "ne", "private", True),
        ("access", "gt", "private", True),
        ("size", "eq", 100, True),
        ("size", "gt", 99, True),
        ("size", "gt", 100, False),
        ("size", "gte", 100, True),
        ("size", "lt", 100, False),
        ("size", "lte", 100, True),
        ("size", "empty", True, False),
        ("parts", "eq", 2, True),
        ("parts", "lt", 2, False),
        ("uploaded_at", "gte", 0, False),
        ("uploaded_at", "ne", 7, False),
        ("uploaded_at", "exists", False, True),
        ("processed_at", "lte", 5, True),
        ("temporary", "eq", False, True),
        ("temporary", "ne", False, False),
        ("temporary", "in", (True, False), True),
        ("temporary", "empty", True, False),
        ("tags", "contains", "red", True),
        ("tags", "contains", "summer", False),
        ("tags", "contains", "RED", False),
        ("tags", "empty", False, True),
        ("tags", "exists", True, True),
    ],
)
def test_an_operator_selects_what_it_says(field: str, op: str, value: Any, answer: bool) -> None:
    assert op in OPERATORS[FIELDS[field]]
    assert satisfies(RECORD, Condition(field=field, op=op, value=value)) is answer


def test_no_tags_are_empty_but_not_missing() -> None:
    record = replace(RECORD, tags=())
    assert satisfies(record, Condition(field="tags", op="empty", value=True))
    assert satisfies(record, Condition(field="tags", op="exists", value=True))
    assert not satisfies(record, Condition(field="tags", op="contains", value="red"))


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_has_a_value_of_its_kind_or_none(field: str) -> None:
    types = {Kind.TEXT: str, Kind.INTEGER: int, Kind.BOOLEAN: bool, Kind.TAGS: tuple}
    for record in various_records():
        value = field_value(record, field)
        assert value is None or isinstance(value, types[FIELDS[field]])
        assert FIELDS[field] is Kind.BOOLEAN or not isinstance(value, bool)


@pytest.mark.parametrize("value", [7, None, ["x"], {"x": 1}, True])
def test_a_description_that_is_no_text_is_missing(value: Any) -> None:
    assert field_value(replace(RECORD, meta={"description": value}), "description") is None


@pytest.mark.parametrize(
    ("search", "answer"),
    [
        ("strasse", True),
        ("KÖLN summer", True),
        ("koln SÚMMER", True),
        ("red mp4 köln", True),
        ("summer film", True),
        ("red nothing", False),
        ("redsummer", False),
        ("7.MP4A", False),
        ("", True),
        ("   ", True),
    ],
)
def test_a_search_wants_every_word_somewhere(search: str, answer: bool) -> None:
    assert found_by(RECORD, search) is answer
    assert matches(RECORD, ListQuery(search=search)) is answer


def test_a_search_looks_at_the_alias_the_type_and_the_path() -> None:
    record = replace(RECORD, alias="Holiday", path="Été/à Nîmes/x")
    assert found_by(record, "holiday")
    assert found_by(record, RECORD.content_type.upper())
    assert matches(record, ListQuery(search="ete/a nimes"))


def test_a_search_of_readers_does_not_tell_paths() -> None:
    record = replace(RECORD, path="secret/x", access=Access.PUBLIC, processed_at=1)
    assert matches(record, ListQuery(search="secret"))
    assert record.publicly_listed
    assert not matches(record, ListQuery(search="secret", public_only=True))


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        (ListQuery(), True),
        (ListQuery(owner="ann"), True),
        (ListQuery(owner="Ann"), False),
        (ListQuery(public_only=True), True),
        (ListQuery(access=Access.PUBLIC), True),
        (ListQuery(access=Access.PRIVATE), False),
        (ListQuery(status=FileStatus.PROCESSED), True),
        (ListQuery(status=FileStatus.FAILED), False),
        (ListQuery(tags=("red", "summer film")), True),
        (ListQuery(tags=("red", "blue")), False),
        (ListQuery(conditions=(Condition(field="size", op="gt", value=1),)), True),
        (ListQuery(owner="ann", conditions=(Condition(field="size", op="gt", value=100),)), False),
    ],
)
def test_all_restrictions_of_a_query_hold_together(query: ListQuery, answer: bool) -> None:
    assert matches(RECORD, query) is answer


@pytest.mark.parametrize(
    ("texts", "folded"),
    [
        (["straße", "STRASSE", "Strasse"], "strasse"),
        (["ﬁlm", "FILM", "Ｆilm"], "film"),
        (["é", "e\u0301", "É"], "é"),
        (["\u0345", "ι"], "ι"),
    ],
)
def test_texts_that_people_take_for_the_same_are_the_same_when_folded(texts: list[str], folded: str) -> None:
    assert {fold(text) for text in texts} == {folded}


@given(st.text())
def test_folding_twice_changes_nothing_more(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_texts_sort_as_their_bytes_do(texts: list[str]) -> None:
    assert sorted(texts) == sorted(texts, key=lambda text: text.encode())


@pytest.mark.parametrize("descending", [False, True])
def test_missing_values_stand_last_and_ids_decide_ties_in_both_directions(descending: bool) -> None:
    places = [(None, "a"), (None, "b"), (0, "a"), (0, "b"), (7, "a")]
    found = sorted(places, key=lambda p: sort_key(*p, descending=descending), reverse=descending)
    up, down = [(0, "a"), (0, "b"), (7, "a")], [(7, "a"), (0, "b"), (0, "a")]
    assert found == ([*down, (None, "b"), (None, "a")] if descending else [*up, (None, "a"), (None, "b")])


def test_names_sort_without_regard_to_case() -> None:
    assert sort_value(RECORD, "name") == "strasse 7.mp4"
    assert position_of(RECORD, "name") == Position(value="strasse 7.mp4", file_id="f1")
    assert position_of(RECORD, "uploaded_at") == Position(value=None, file_id="f1")


@given(records(st.just("f1")), queries())
def test_whatever_matches_a_query_stands_in_each_of_its_candidate_scopes(record: FileRecord, query: ListQuery) -> None:
    candidates = candidate_scopes(query)
    assert candidates
    if matches(record, query):
        assert set(candidates) <= {scope for scope, *_ in index_entries(record)}


def test_the_values_in_one_scope_are_those_among_all_places_of_a_record() -> None:
    everywhere = {(scope, field) for record in various_records() for scope, field, _ in index_entries(record)}
    for record in various_records():
        places = list(index_entries(record))
        for scope, field in everywhere:
            found = [value for within, by, value in places if (within, by) == (scope, field)]
            assert list(values_in(record, scope, field)) == found, (scope, field)


def test_a_record_stands_in_the_scopes_that_it_belongs_to() -> None:
    public = {("public",), ("public-tag", "red"), ("public-tag", "summer film")}
    own = {("all",), ("owner", "ann"), ("owner-tag", "ann", "red"), ("owner-tag", "ann", "summer film")}
    assert set(whole_scopes(RECORD)) == own | public
    assert set(whole_scopes(replace(RECORD, temporary=True))) == own
    assert set(whole_scopes(replace(RECORD, access=Access.UNLISTED))) == own
    again = replace(RECORD, status=FileStatus.PROCESSING)
    assert set(whole_scopes(again)) == own | public | {("status", "processing")}


@pytest.mark.parametrize("order_by", SORT_FIELDS)
def test_every_sort_field_can_be_filtered_too(order_by: str) -> None:
    assert FIELDS[order_by] in (Kind.TEXT, Kind.INTEGER)
