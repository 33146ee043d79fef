"""What an edit makes of a record."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from files_service.domain.editing import (
    edit,
    is_finished,
    is_same,
    keeps_the_seal,
    merge_meta,
    normalise_tags,
)
from storage_adapters import Access, FileStatus, tag_form
from tests.unit.records import STATUSES, in_status, record

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
METAS = st.dictionaries(st.text(max_size=5), JSON_VALUES, max_size=5)


@given(st.text())
def test_a_normalised_tag_stays_as_it_is(tag: str) -> None:
    assert tag_form(tag_form(tag)) == tag_form(tag)


@given(st.lists(st.text()))
def test_normalised_tags_stay_as_they_are_and_do_not_repeat(tags: list[str]) -> None:
    once = normalise_tags(tags)
    assert normalise_tags(once) == once
    assert len(set(once)) == len(once)


@pytest.mark.parametrize("tag", ["caf\u00e9", "cafe\u0301", " Caf\u00e9 ", "CAFE\u0301"])
def test_one_tag_has_one_form_however_it_is_typed(tag: str) -> None:
    assert tag_form(tag) == "caf\u00e9"


def test_tags_keep_their_order() -> None:
    assert normalise_tags(["Sea", "beach", " sea", "Air"]) == ("sea", "beach", "air")


@given(METAS, METAS)
def test_meta_is_merged_key_by_key_and_null_removes(meta: dict[str, Any], changes: dict[str, Any]) -> None:
    merged = merge_meta(meta, changes)
    assert None not in merged.values()
    for name in meta.keys() | changes.keys():
        wanted = changes.get(name) if name in changes else meta[name]
        assert merged.get(name) == wanted
    assert merge_meta(merged, changes) == merged, "a repeated edit changes nothing"


def test_null_empties_meta() -> None:
    assert merge_meta({"a": 1}, None) == {}


def test_an_edit_sets_what_it_names_and_nothing_else() -> None:
    before = record(name="old", alias="a", tags=("x",), meta={"k": 1}, grantees=("gus",))
    after = edit(before, {"name": "new"})
    assert (after.name, after.alias, after.tags, after.meta, after.grantees) == ("new", "a", ("x",), {"k": 1}, ("gus",))


def test_null_unsets() -> None:
    before = record(alias="a", tags=("x",), meta={"k": 1}, grantees=("gus",))
    after = edit(before, {"alias": None, "tags": None, "meta": None, "grantees": None})
    assert (after.alias, after.tags, after.meta, after.grantees) == (None, (), {}, ())


def test_an_edit_normalises_tags_and_drops_repeated_grantees() -> None:
    after = edit(record(), {"tags": ["A", "a"], "grantees": ["gus", "eve", "gus"]})
    assert (after.tags, after.grantees) == (("a",), ("gus", "eve"))


@pytest.mark.parametrize(("one", "other"), [(1, True), (0, False), (1, 1.0), ([1], [True])])
def test_values_that_python_takes_for_equal_are_a_change(one: object, other: object) -> None:
    assert not is_same(record(meta={"k": one}), record(meta={"k": other}))


def test_the_order_of_the_keys_of_meta_is_no_change() -> None:
    assert is_same(record(meta={"a": 1, "b": 2}), record(meta={"b": 2, "a": 1}))


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({"grantees": ["gus"]}, True),
        ({"access": Access.PUBLIC}, True),
        ({"name": "new"}, False),
        ({"meta": {"k": 1}, "grantees": ["gus"]}, False),
        ({"tags": ["x"]}, False),
    ],
)
def test_a_seal_leaves_open_only_who_may_read(changes: dict[str, Any], kept: bool) -> None:
    sealed = record(immutable=True)
    assert keeps_the_seal(sealed, edit(sealed, changes)) is kept


@pytest.mark.parametrize("status", STATUSES)
def test_only_a_processed_file_is_finished(status: FileStatus) -> None:
    assert is_finished(in_status(status)) is (status is FileStatus.PROCESSED)
