"""files.list."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from files_service.core import Core
from files_service.errors import BadRequest
from storage_adapters import JSON, Condition, ListQuery
from tests.cores import at, call, pending_file, processed_file, refusal


def listed(core: Core, **params: Any) -> list[str]:
    return [file["name"] for file in call(core, "files.list", **params)["files"]]


@pytest.fixture
def files(core: Core) -> Core:
    """Files of two owners, finished at 1, 2, … s in the order of their names; "f" is pending."""
    plan: list[tuple[str, str, JSON]] = [
        ("a", "ann", {"tags": ["sea", "sun"], "meta": {"description": "A day at the Sea"}}),
        ("b", "ann", {"access": "public", "tags": ["sea"], "alias": "bee"}),
        ("c", "ann", {"access": "unlisted"}),
        ("d", "bob", {"access": "public", "tags": ["sea"]}),
        ("e", "bob", {"access": "public", "temporary": True}),
        ("g", "ann", {"access": "shared"}),
    ]
    for second, (name, owner, params) in enumerate(plan, start=1):
        file = processed_file(at(core, second * 1_000), b"x" * second, name=name, owner=owner, **params)
        if name == "g":
            call(core, "files.update", file_id=file["file_id"], changes={"grantees": ["gus"]})
    pending_file(at(core, 9_000), owner="ann", name="f", access="public")
    return core


def test_the_answer_has_whole_records_and_says_who_gave_it(files: Core) -> None:
    answer = call(files, "files.list", owner="ann", limit=1)
    [file] = answer["files"]
    assert file == call(files, "files.info", file_id=file["file_id"])
    assert set(answer) == {"files", "next_cursor", "served_by", "change_token"}
    assert answer["served_by"] == "memory"
    assert answer["change_token"].startswith("@")


def test_the_newest_upload_comes_first_and_the_unfinished_last(files: Core) -> None:
    assert listed(files, owner="ann") == ["g", "c", "b", "a", "f"]
    assert listed(files, owner="ann", order="asc") == ["a", "b", "c", "g", "f"]
    assert listed(files, owner="ann", order_by="name", order="asc") == ["a", "b", "c", "f", "g"]
    assert listed(files, owner="ann", order_by="size") == ["f", "g", "c", "b", "a"]


def test_the_system_sees_all(files: Core) -> None:
    assert sorted(listed(files)) == ["a", "b", "c", "d", "e", "f", "g"]


@pytest.mark.parametrize("actor", ["sam", "gus"])
def test_everybody_else_sees_what_is_publicly_listed(files: Core, actor: str) -> None:
    assert listed(files, actor=actor) == ["d", "b"]
    assert listed(files, owner="ann", actor=actor) == ["b"]
    assert listed(files, owner="bob", actor=actor) == ["d"]
    for access in ("private", "shared", "unlisted"):
        assert listed(files, owner="ann", access=access, actor=actor) == []


def test_even_the_owner_sees_only_public_files_in_the_list_of_all(files: Core) -> None:
    assert listed(files, actor="ann") == ["d", "b"]
    assert listed(files, owner="ann", actor="ann") == ["g", "c", "b", "a", "f"]


@pytest.mark.parametrize(
    ("params", "names"),
    [
        ({"access": "public"}, ["b", "f"]),
        ({"tags": ["SEA "]}, ["b", "a"]),
        ({"tags": ["sea", "sun"]}, ["a"]),
        ({"search": "SEA day"}, ["a"]),
        ({"search": "bee"}, ["b"]),
        ({"filter": {"size": {"gte": 2, "lt": 6}}}, ["c", "b"]),
        ({"filter": {"status": "pending"}}, ["f"]),
        ({"filter": {"alias": {"exists": True}}}, ["b"]),
        ({"filter": {"tags": {"contains": "Sun"}}}, ["a"]),
        ({"filter": {"name": {"in": ["a", "c", "zz"]}}}, ["c", "a"]),
        ({"filter": {"uploaded_at": {"exists": False}}}, ["f"]),
    ],
)
def test_restrictions_are_joined(files: Core, params: JSON, names: list[str]) -> None:
    assert listed(files, owner="ann", **params) == names


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_cursors_lead_through_the_whole_list_once(files: Core, limit: int) -> None:
    names, cursor = list[str](), None
    for _ in range(9):
        page = call(files, "files.list", owner="ann", limit=limit, cursor=cursor)
        names += [file["name"] for file in page["files"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert names == ["g", "c", "b", "a", "f"]


@pytest.mark.parametrize(
    "other",
    [
        {"order": "asc"},
        {"order_by": "name"},
        {"owner": "bob"},
        {"owner": None},
        {"actor": "sam"},
        {"access": "public"},
        {"tags": ["sea"]},
        {"search": "x"},
        {"filter": {"size": 1}},
    ],
)
def test_a_cursor_is_refused_by_another_query(files: Core, other: JSON) -> None:
    cursor = call(files, "files.list", owner="ann", limit=1)["next_cursor"]
    error = refusal(files, "files.list", **{"owner": "ann"} | other, cursor=cursor)
    assert set(error.details["fields"]) == {"cursor"}
    assert call(files, "files.list", owner="ann", limit=5, fields=["name"], cursor=cursor)["files"]


def test_only_chosen_fields_are_returned(files: Core) -> None:
    page = call(files, "files.list", owner="ann", search="day", fields=["name", "meta.description", "meta.none"])
    [file] = page["files"]
    assert file == {"file_id": file["file_id"], "name": "a", "meta": {"description": "A day at the Sea", "none": None}}
    [file] = call(files, "files.list", owner="bob", actor="sam", fields=["owner", "grantees"])["files"]
    assert set(file) == {"file_id", "owner"}


@pytest.mark.parametrize("name", ["request_id", "post_action", "nonsense", "meta.", "", "parts.0", "a\nb", 7])
def test_a_field_that_is_never_shown_is_refused_even_where_nothing_is_found(core: Core, name: Any) -> None:
    error = refusal(core, "files.list", fields=["name", name])
    assert set(error.details["fields"]) == {"fields.1"}


@pytest.mark.parametrize(
    ("params", "total"),
    [
        ({}, 5),
        ({"limit": 1}, 5),
        ({"access": "public"}, 2),
        ({"access": "private"}, 1),
        ({"owner": "zoe"}, 0),
        ({"owner": "zoe", "access": "public"}, 0),
        ({"owner": None}, 7),
        ({"tags": ["sea"]}, None),
        ({"search": "x"}, None),
        ({"filter": {"size": 1}}, None),
        ({"actor": "sam"}, None),
    ],
)
def test_the_total_is_told_where_a_counter_knows_it(files: Core, params: JSON, total: int | None) -> None:
    assert call(files, "files.list", **{"owner": "ann"} | params, with_total=True)["total"] == total


def test_an_answer_includes_the_write_whose_token_is_given(files: Core) -> None:
    token = pending_file(files, name="new")["change_token"]
    page = call(files, "files.list", owner="ann", order_by="created_at", limit=1, min_change=token)
    assert page["files"][0]["name"] == "new"
    assert call(files, "files.list", min_change=page["change_token"], consistency="strong")["files"]


def test_a_list_of_nothing_has_a_token_too(core: Core) -> None:
    page = call(core, "files.list")
    assert (page["files"], page["next_cursor"], page["change_token"]) == ([], None, "@")
    assert call(core, "files.list", min_change="@")["files"] == []


def test_a_stranger_can_filter_by_nothing_that_it_is_not_shown(files: Core) -> None:
    error = refusal(files, "files.list", actor="sam", filter={"parent_id": {"gt": "0"}})
    assert isinstance(error, BadRequest)
    assert call(files, "files.list", owner="ann", actor="ann", filter={"parent_id": {"exists": False}})["files"]


def test_pictures_are_listed_by_what_their_media_tells(files: Core) -> None:
    for name, captured_at, media in (("b", 7, {"kind": "picture"}), ("c", 9, {"kind": "clip", "duration_ms": 5})):
        [record] = files.metadata.find(ListQuery(conditions=(Condition(field="name", op="eq", value=name),))).records
        told = replace(record, captured_at=captured_at, media=media)
        files.metadata.save(told, expected_revision=record.revision, changed_at=1, event=None)
    assert listed(files, owner="ann", order_by="captured_at") == ["c", "b"]
    assert listed(files, owner="ann", order_by="media.duration_ms") == ["c"]
    assert listed(files, owner="ann", order_by="captured_at", actor="sam") == ["b"]
    assert listed(files, owner="ann", filter={"media.kind": "clip"}) == ["c"]
    assert listed(files, filter={"captured_at": {"lt": 9}}, actor="sam") == ["b"]
    assert call(files, "files.list", owner="ann", order_by="captured_at", with_total=True)["total"] is None
    cursor = call(files, "files.list", owner="ann", order_by="captured_at", limit=1)["next_cursor"]
    assert listed(files, owner="ann", order_by="captured_at", cursor=cursor) == ["b"]


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"order_by": "captured_at"}, "owner"),
        ({"order_by": "captured_at", "owner": "ann", "trashed": True}, "order_by"),
        ({"order_by": "media.width", "owner": "ann"}, "order_by"),
        ({"filter": {"media.rotation": 1}}, "filter.media.rotation"),
        ({"filter": {"media.width": "1"}}, "filter.media.width.eq"),
        ({"owner": ""}, "owner"),
        ({"access": "open"}, "access"),
        ({"tags": "sea"}, "tags"),
        ({"tags": [""]}, "tags.0"),
        ({"filter": []}, "filter"),
        ({"filter": "x"}, "filter"),
        ({"filter": None}, "filter"),
        ({"filter": {"nonsense": 1}}, "filter.nonsense"),
        ({"filter": {"size": {"match": 1}}}, "filter.size.match"),
        ({"filter": {"size": "1"}}, "filter.size.eq"),
        ({"filter": {"size": {"exists": 1}}}, "filter.size.exists"),
        ({"filter": {"name": {"in": {"a": 1}}}}, "filter.name.in"),
        ({"filter": {"\ud800": 1}}, "filter.?"),
        ({"filter": {"size": {"\ud800": 1}}}, "filter.size.?"),
        ({"filter": {7: 1}}, "filter.7.key"),
        ({"filter": {"size": {7: 1}}}, "filter.size.7"),
        ({"search": ""}, "search"),
        ({"search": "  "}, "search"),
        ({"search": "x" * 201}, "search"),
        ({"order_by": "owner"}, "order_by"),
        ({"order_by": ["name"]}, "order_by"),
        ({"order": "down"}, "order"),
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"limit": True}, "limit"),
        ({"limit": "20"}, "limit"),
        ({"cursor": ""}, "cursor"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "\ud800"}, "cursor"),
        ({"fields": []}, "fields"),
        ({"fields": "name"}, "fields"),
        ({"with_total": "yes"}, "with_total"),
        ({"min_change": "x"}, "min_change"),
        ({"min_change": "0" * 26}, "min_change"),
        ({"consistency": "maybe"}, "consistency"),
        ({"offset": 10}, "offset"),
    ],
)
def test_a_wrong_parameter_is_refused_by_its_path(core: Core, params: JSON, field: str) -> None:
    error = refusal(core, "files.list", **params)
    assert isinstance(error, BadRequest)
    assert set(error.details["fields"]) == {field}
