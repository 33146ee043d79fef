"""files.access."""

from __future__ import annotations

from typing import Any

import pytest

from files_service.core import Core
from files_service.errors import BadRequest
from tests.cores import announced, call, pending_file, processed_file, refusal, writes


def test_each_file_is_answered_for_by_itself(core: Core) -> None:
    mine, other, nobody = processed_file(core)["file_id"], processed_file(core, owner="bob")["file_id"], "0" * 26
    answer = call(core, "files.access", file_ids=[mine, other, nobody], access="public", actor="ann")
    revision = call(core, "files.info", file_id=mine)["revision"]
    assert [each["ok"] for each in answer["files"]] == [True, False, False]
    assert answer["files"][0] == {
        "file_id": mine,
        "ok": True,
        "access": "public",
        "revision": revision,
        "change_token": f"{mine}:{revision}",
    }
    assert [each["error"]["code"] for each in answer["files"][1:]] == ["forbidden", "not_found"]
    assert call(core, "files.info", file_id=other)["access"] == "private"


def test_setting_what_is_set_writes_and_announces_nothing(core: Core) -> None:
    file_id = processed_file(core)["file_id"]
    first = call(core, "files.access", file_ids=[file_id, file_id], access="public")
    assert first["files"][0] == first["files"][1]
    before = writes(core)
    assert call(core, "files.access", file_ids=[file_id], access="public")["files"] == first["files"][:1]
    assert writes(core) == before
    assert announced(core, file_id).count("access_changed") == 1


@pytest.mark.parametrize("access", ["private", "shared", "unlisted", "public"])
def test_every_level_can_be_set_in_every_status(core: Core, access: str) -> None:
    ids = [pending_file(core)["file_id"], processed_file(core)["file_id"]]
    answer = call(core, "files.access", file_ids=ids, access=access)
    assert [each["access"] for each in answer["files"]] == [access, access]


def test_the_access_of_a_sealed_file_can_change(core: Core) -> None:
    file_id = processed_file(core, post_action={"update": {"immutable": True}})["file_id"]
    assert call(core, "files.access", file_ids=[file_id], access="public")["files"][0]["ok"]


def test_a_file_made_public_is_listed_and_one_made_private_is_not(core: Core) -> None:
    file_id = processed_file(core)["file_id"]
    for access, listed in (("public", [file_id]), ("unlisted", []), ("public", [file_id]), ("private", [])):
        call(core, "files.access", file_ids=[file_id], access=access)
        assert [file["file_id"] for file in call(core, "files.list", actor="sam")["files"]] == listed


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"file_ids": []}, "file_ids"),
        ({"file_ids": ["0" * 26] * 101}, "file_ids"),
        ({"file_ids": "0" * 26}, "file_ids"),
        ({"file_ids": ["0" * 26, "x"]}, "file_ids.1"),
        ({"file_ids": [None]}, "file_ids.0"),
        ({"access": "open"}, "access"),
        ({"access": None}, "access"),
        ({"access": {}}, "access"),
    ],
)
def test_a_wrong_parameter_is_refused_by_its_path(core: Core, params: dict[str, Any], field: str) -> None:
    error = refusal(core, "files.access", **{"file_ids": ["0" * 26], "access": "public"} | params)
    assert isinstance(error, BadRequest)
    assert set(error.details["fields"]) == {field}
