"""files.tag.add, files.tag.remove, files.tag.sync, files.tag.access."""

from __future__ import annotations

from typing import Any

import pytest

from files_service.core import Core
from files_service.errors import BadRequest, Immutable
from tests.cores import announced, at_once, call, processed_file, refusal, writes

EDITS = ["files.tag.add", "files.tag.remove", "files.tag.sync"]


def test_added_tags_join_those_there_are(core: Core) -> None:
    file = processed_file(core, tags=["sea"])
    changed = call(core, "files.tag.add", file_id=file["file_id"], tags=["Summer", " SEA ", "summer"])
    assert changed == {
        **file,
        "tags": ["sea", "summer"],
        "revision": file["revision"] + 1,
        "change_token": f"{file['file_id']}:{file['revision'] + 1}",
    }
    assert announced(core, file["file_id"])[-1] == "updated"


def test_removed_tags_go_and_others_are_no_error(core: Core) -> None:
    file_id = processed_file(core, tags=["sea", "sun"])["file_id"]
    assert call(core, "files.tag.remove", file_id=file_id, tags=["SEA", "snow"])["tags"] == ["sun"]


def test_synced_tags_are_exactly_those_given(core: Core) -> None:
    file_id = processed_file(core, tags=["sea", "sun"])["file_id"]
    assert call(core, "files.tag.sync", file_id=file_id, tags=["sun", "Snow"])["tags"] == ["sun", "snow"]
    assert call(core, "files.tag.sync", file_id=file_id, tags=[])["tags"] == []


@pytest.mark.parametrize("method", EDITS)
def test_a_repeated_call_writes_and_announces_nothing(core: Core, method: str) -> None:
    file_id = processed_file(core, tags=["sea", "sun"])["file_id"]
    first = call(core, method, file_id=file_id, tags=["sea", "new"])
    before = writes(core)
    assert call(core, method, file_id=file_id, tags=["sea", "new"]) == first
    assert writes(core) == before


@pytest.mark.parametrize("method", EDITS)
def test_several_files_are_answered_each_by_itself(core: Core, method: str) -> None:
    mine = processed_file(core, tags=["sea"])["file_id"]
    other, nobody = processed_file(core, owner="bob")["file_id"], "0" * 26
    params = {"file_ids": [mine, other, nobody], "tags": ["sea", "sun"], "actor": "ann"}
    answer = call(core, method, **params)
    record = call(core, "files.info", file_id=mine)
    assert answer["files"][0] == {
        "file_id": mine,
        "ok": True,
        **{name: record[name] for name in ("tags", "revision", "change_token")},
    }
    assert [(each["ok"], each["error"]["code"]) for each in answer["files"][1:]] == [
        (False, "forbidden"),
        (False, "not_found"),
    ]
    before = writes(core)
    assert call(core, method, **params) == answer
    assert writes(core) == before


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({}, "file_id"),
        ({"file_id": "0" * 26, "file_ids": ["0" * 26]}, "file_id"),
        ({"file_ids": []}, "file_ids"),
        ({"file_ids": ["0" * 26] * 101}, "file_ids"),
        ({"file_ids": ["x"]}, "file_ids.0"),
    ],
)
@pytest.mark.parametrize("method", EDITS)
def test_one_file_is_named_or_several(core: Core, method: str, params: dict[str, Any], field: str) -> None:
    error = refusal(core, method, tags=["x"], **params)
    assert set(error.details["fields"]) == {field}


def test_no_tag_is_lost_when_many_add(core: Core) -> None:
    file_id = processed_file(core)["file_id"]
    at_once(16, lambda index: call(core, "files.tag.add", file_id=file_id, tags=[f"t{index}"]))
    assert sorted(call(core, "files.info", file_id=file_id)["tags"]) == sorted(f"t{index}" for index in range(16))


def test_adding_and_removing_at_once_loses_nothing(core: Core) -> None:
    file_id = processed_file(core, tags=[f"old{index}" for index in range(8)])["file_id"]

    def edit(index: int) -> object:
        if index % 2:
            return call(core, "files.tag.remove", file_id=file_id, tags=[f"old{index // 2}"])
        return call(core, "files.tag.add", file_id=file_id, tags=[f"new{index // 2}"])

    at_once(16, edit)
    assert sorted(call(core, "files.info", file_id=file_id)["tags"]) == [f"new{index}" for index in range(8)]


def test_a_file_has_a_bounded_number_of_tags(core: Core) -> None:
    tags = [f"t{index}" for index in range(19)]
    file_id = processed_file(core, tags=tags)["file_id"]
    assert call(core, "files.tag.add", file_id=file_id, tags=["t0", "t19"])["tags"] == [*tags, "t19"]
    error = refusal(core, "files.tag.add", file_id=file_id, tags=["t20"])
    assert isinstance(error, BadRequest)
    assert set(error.details["fields"]) == {"tags"}


@pytest.mark.parametrize("method", EDITS)
def test_the_tags_of_a_sealed_file_stay(core: Core, method: str) -> None:
    file_id = processed_file(core, tags=["sea"])["file_id"]
    call(core, "files.update", file_id=file_id, changes={"immutable": True})
    tags = ["sea"] if method == "files.tag.remove" else ["new"]
    assert isinstance(refusal(core, method, file_id=file_id, tags=tags), Immutable)
    unchanged = {"files.tag.add": ["sea"], "files.tag.remove": ["new"], "files.tag.sync": ["Sea"]}
    assert call(core, method, file_id=file_id, tags=unchanged[method])["tags"] == ["sea"]


@pytest.mark.parametrize(
    "tags", [None, "sea", [""], ["a,b"], ["x" * 41], [1], [None], [["x"]], [f"t{i}" for i in range(21)]]
)
@pytest.mark.parametrize("method", EDITS)
def test_wrong_tags_are_refused(core: Core, method: str, tags: Any) -> None:
    error = refusal(core, method, file_id="0" * 26, tags=tags)
    assert isinstance(error, BadRequest)
    assert {field.partition(".")[0] for field in error.details["fields"]} == {"tags"}


def test_a_tag_that_a_file_got_is_a_tag_that_can_be_asked_for(core: Core) -> None:
    """Lower case may be longer than what was given: "\u0130" becomes two characters."""
    record = processed_file(core, tags=["\u0130" * 20])
    [tag] = record["tags"]
    assert len(tag) == 40
    assert call(core, "files.list", tags=[tag])["files"]
    assert call(core, "files.tag.sync", file_id=record["file_id"], tags=[tag])["revision"] == record["revision"]


def test_access_by_tag_reaches_every_file_of_the_owner_that_bears_it(core: Core) -> None:
    mine = [processed_file(core, tags=["album"])["file_id"] for _ in range(3)]
    others = [processed_file(core)["file_id"], processed_file(core, owner="bob", tags=["album"])["file_id"]]
    answer = call(core, "files.tag.access", owner="ann", tag=" Album", access="public", actor="ann")
    assert [each["file_id"] for each in answer["files"]] == mine
    assert all(each["ok"] and each["access"] == "public" and each["change_token"] for each in answer["files"])
    assert answer["next_cursor"] is None
    assert all(call(core, "files.info", file_id=file_id)["access"] == "private" for file_id in others)
    before = writes(core)
    assert call(core, "files.tag.access", owner="ann", tag="album", access="public") == answer
    assert writes(core) == before


def test_access_by_tag_goes_on_by_cursor(core: Core) -> None:
    for index in range(101):
        call(core, "files.upload", owner="ann", name=f"n{index}", parts=[{"size": 1}], tags=["album"])
    params = {"owner": "ann", "tag": "album", "access": "unlisted"}
    first = call(core, "files.tag.access", **params)
    second = call(core, "files.tag.access", **params, cursor=first["next_cursor"])
    assert (len(first["files"]), len(second["files"]), second["next_cursor"]) == (100, 1, None)
    assert call(core, "files.count", owner="ann")["by_access"] == {"unlisted": 101}
    error = refusal(core, "files.tag.access", **params | {"tag": "other"}, cursor=first["next_cursor"])
    assert set(error.details["fields"]) == {"cursor"}


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"tag": ""}, "tag"),
        ({"tag": "a,b"}, "tag"),
        ({"tag": 1}, "tag"),
        ({"cursor": ""}, "cursor"),
        ({"cursor": "x"}, "cursor"),
    ],
)
def test_wrong_parameters_of_access_by_tag_are_refused(core: Core, params: dict[str, Any], field: str) -> None:
    error = refusal(core, "files.tag.access", **{"owner": "ann", "tag": "album", "access": "public"} | params)
    assert set(error.details["fields"]) == {field}
