"""Filters and cursors of files.list."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from files_service.domain.listing import (
    MAX_CONDITIONS,
    MAX_INTEGER,
    MAX_TEXT,
    MAX_VALUES,
    BadQuery,
    decode_cursor,
    encode_cursor,
    parse_filter,
)
from storage_adapters import FIELDS, OPERATORS, SORT_FIELDS, Access, Condition, FileStatus, Kind, ListQuery, Position

RIGHT: dict[Kind, Any] = {Kind.TEXT: "text", Kind.INTEGER: 7, Kind.BOOLEAN: True, Kind.TAGS: "sea"}
TRIPLES = [(field, op, kind) for field, kind in FIELDS.items() for op in sorted(OPERATORS[kind])]
NOT_TEXT: list[Any] = [None, 1, 1.5, True, [], ["x"], {}, {"eq": 1}]
WRONG: dict[Kind, list[Any]] = {
    Kind.TEXT: [*NOT_TEXT, "\ud800", "x" * (MAX_TEXT + 1)],
    Kind.INTEGER: [None, "1", 1.0, float("nan"), True, [1], {}, MAX_INTEGER + 1, -MAX_INTEGER - 1],
    Kind.BOOLEAN: [None, "true", 1, 0, [True], {}],
    Kind.TAGS: [*NOT_TEXT, "\ud800", "x" * (MAX_TEXT + 1)],
}


def right_value(op: str, kind: Kind) -> Any:
    if op in ("exists", "empty"):
        return False
    return [RIGHT[kind]] if op == "in" else RIGHT[kind]


@pytest.mark.parametrize(("field", "op", "kind"), TRIPLES)
def test_every_field_takes_its_operators_with_values_of_its_type(field: str, op: str, kind: Kind) -> None:
    value = right_value(op, kind)
    assert parse_filter({field: {op: value}}) == (Condition(field=field, op=op, value=value),)


@pytest.mark.parametrize(("field", "op", "kind"), TRIPLES)
def test_every_wrong_value_is_refused_by_its_path(field: str, op: str, kind: Kind) -> None:
    flags = op in ("exists", "empty")
    for value in WRONG[Kind.BOOLEAN if flags else kind]:
        with pytest.raises(BadQuery) as caught:
            parse_filter({field: {op: [value] if op == "in" else value}})
        assert caught.value.field == f"filter.{field}.{op}"


@pytest.mark.parametrize("value", [None, 1, "x", True, {}, {"0": 1}])
def test_a_choice_is_a_list(value: Any) -> None:
    with pytest.raises(BadQuery) as caught:
        parse_filter({"size": {"in": value}})
    assert caught.value.field == "filter.size.in"


@pytest.mark.parametrize("field", FIELDS)
def test_every_other_operator_is_refused(field: str) -> None:
    others = {op for ops in OPERATORS.values() for op in ops} - OPERATORS[FIELDS[field]] | {"match", "", "EQ", "$gt"}
    for op in others:
        with pytest.raises(BadQuery, match="Not an operator") as caught:
            parse_filter({field: {op: 1}})
        assert caught.value.field == f"filter.{field}.{op}"


@pytest.mark.parametrize("field", [name for name, kind in FIELDS.items() if kind is not Kind.TAGS])
def test_a_bare_value_means_equal(field: str) -> None:
    value = RIGHT[FIELDS[field]]
    assert parse_filter({field: value}) == parse_filter({field: {"eq": value}})


@pytest.mark.parametrize("field", ["", "nonsense", "meta", "request_id", "post_action", "revision", "\ud800"])
def test_an_unknown_field_is_refused(field: str) -> None:
    with pytest.raises(BadQuery, match="Not a filterable field") as caught:
        parse_filter({field: "x"})
    assert caught.value.field == f"filter.{field}"


def test_a_hidden_field_is_refused() -> None:
    with pytest.raises(BadQuery, match="Only the owner"):
        parse_filter({"parent_id": {"prefix": "0"}}, hidden={"parent_id"})


@pytest.mark.parametrize("count", [0, MAX_VALUES + 1])
def test_a_choice_has_bounds(count: int) -> None:
    with pytest.raises(BadQuery, match=str(MAX_VALUES)):
        parse_filter({"size": {"in": list(range(count))}})
    assert parse_filter({"size": {"in": list(range(MAX_VALUES))}})


def test_the_number_of_conditions_has_a_bound() -> None:
    ops = {"gt": 1, "gte": 1, "lt": 9, "lte": 9, "ne": 5}
    fields = ["size", "parts", "created_at", "uploaded_at"]
    assert len(parse_filter(dict.fromkeys(fields, ops))) == MAX_CONDITIONS
    with pytest.raises(BadQuery, match=str(MAX_CONDITIONS)):
        parse_filter({**dict.fromkeys(fields, ops), "name": "x"})


def test_several_operators_of_a_field_are_joined() -> None:
    assert parse_filter({"size": {"gte": 1, "lt": 5}}) == (
        Condition(field="size", op="gte", value=1),
        Condition(field="size", op="lt", value=5),
    )
    assert parse_filter({"size": {}}) == parse_filter({}) == ()


def test_a_tag_is_looked_for_in_the_form_in_which_it_is_kept() -> None:
    [condition] = parse_filter({"tags": {"contains": " CAFE\u0301 "}})
    assert condition.value == "caf\u00e9"


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(), max_size=9), inner),
    max_leaves=8,
)
OPS = st.sampled_from(sorted({op for ops in OPERATORS.values() for op in ops})) | st.text(max_size=5)
FILTERS = st.dictionaries(
    st.sampled_from(sorted(FIELDS)) | st.text(st.characters(), max_size=9),
    JSON_VALUES | st.dictionaries(OPS, JSON_VALUES, max_size=3),
    max_size=4,
)


@given(FILTERS)
def test_any_filter_is_understood_or_refused_by_name(filters: dict[str, Any]) -> None:
    conditions: tuple[Condition, ...] = ()
    with suppress(BadQuery):
        conditions = parse_filter(filters)
    assert all(each.op in OPERATORS[FIELDS[each.field]] for each in conditions)


TEXT = st.text(max_size=9)
QUERIES = st.builds(
    ListQuery,
    owner=st.none() | TEXT,
    public_only=st.booleans(),
    access=st.none() | st.sampled_from(list(Access)),
    status=st.none() | st.sampled_from(list(FileStatus)),
    tags=st.lists(TEXT, max_size=2).map(tuple),
    conditions=st.lists(
        st.builds(
            Condition, field=st.sampled_from(sorted(FIELDS)), op=OPS, value=TEXT | st.integers() | st.lists(TEXT)
        ),
        max_size=2,
    ).map(tuple),
    search=st.none() | TEXT,
    order_by=st.sampled_from(SORT_FIELDS),
    descending=st.booleans(),
)


@st.composite
def places(draw: st.DrawFn) -> tuple[ListQuery, Position]:
    query = draw(QUERIES)
    value: Any = draw(st.none() | (TEXT if query.order_by == "name" else st.integers(-MAX_INTEGER, MAX_INTEGER)))
    return query, Position(value=value, file_id=draw(TEXT))


@given(places(), st.integers(1, 100))
def test_a_cursor_brings_its_place_back_whatever_the_limit(place: tuple[ListQuery, Position], limit: int) -> None:
    query, position = place
    assert decode_cursor(replace(query, limit=limit), encode_cursor(query, position)) == position


@given(places(), QUERIES)
def test_the_cursor_of_another_query_is_refused(place: tuple[ListQuery, Position], other: ListQuery) -> None:
    query, position = place
    assume(other != query)
    with pytest.raises(BadQuery) as caught:
        decode_cursor(other, encode_cursor(query, position))
    assert caught.value.field == "cursor"


@given(places(), st.data())
def test_a_cursor_with_another_character_is_refused(place: tuple[ListQuery, Position], data: st.DataObject) -> None:
    query, position = place
    cursor = encode_cursor(query, position)
    index = data.draw(st.integers(0, len(cursor) - 1))
    character = data.draw(st.sampled_from("ABCXYZabcxyz0189-_"))
    altered = cursor[:index] + character + cursor[index + 1 :]
    # The last character has bits to spare: two spellings of the same bytes are the same cursor.
    assume(base64.urlsafe_b64decode(altered + "==") != base64.urlsafe_b64decode(cursor + "=="))
    with pytest.raises(BadQuery) as caught:
        decode_cursor(query, altered)
    assert caught.value.field == "cursor"


@given(
    QUERIES, st.text(st.characters(), max_size=40) | st.binary(max_size=40).map(lambda b: base64.b64encode(b).decode())
)
def test_what_is_no_cursor_is_refused(query: ListQuery, cursor: str) -> None:
    with pytest.raises(BadQuery) as caught:
        decode_cursor(query, cursor)
    assert caught.value.field == "cursor"


@pytest.mark.parametrize(
    ("order_by", "value", "file_id"),
    [
        ("size", "text", "F"),
        ("size", True, "F"),
        ("size", 1.5, "F"),
        ("size", MAX_INTEGER + 1, "F"),
        ("size", [1], "F"),
        ("size", 1, 7),
        ("size", 1, None),
        ("size", 1, "\ud800"),
        ("name", 7, "F"),
        ("name", "\ud800", "F"),
    ],
)
def test_a_made_up_place_of_a_wrong_type_is_refused(order_by: str, value: Any, file_id: Any) -> None:
    query = ListQuery(order_by=order_by)
    made_up = encode_cursor(query, Position(value=value, file_id=file_id))
    with pytest.raises(BadQuery, match="Not a cursor"):
        decode_cursor(query, made_up)


@pytest.mark.parametrize("text", ["[1,2]", "[1,2,3,4]", "{}", "null", '"abc"', "[" * 5_000, "1" * 5_000])
def test_any_other_json_is_no_cursor(text: str) -> None:
    cursor = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    with pytest.raises(BadQuery):
        decode_cursor(ListQuery(), cursor)


def test_a_cursor_tells_nothing_but_the_place() -> None:
    cursor = encode_cursor(ListQuery(owner="ann", search="secret"), Position(value=7, file_id="F"))
    mark, *place = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    assert place == [7, "F"]
    assert len(mark) == 16
