"""files.info and files.data."""

from __future__ import annotations

from typing import Any

import pytest

from files_service.core import Core
from files_service.errors import BadRequest, Forbidden, NotFound
from storage_adapters import JSON
from tests.cores import call, pending_file, processed_file, refusal, uploaded_file


@pytest.mark.parametrize("make", [pending_file, uploaded_file, processed_file])
def test_a_file_is_told_in_every_status_by_id_and_by_alias(core: Core, make: Any) -> None:
    file = make(core, alias="My clip")
    for part in file["parts"]:
        part.pop("upload", None)
    assert call(core, "files.info", file_id=file["file_id"]) == file
    assert call(core, "files.info", owner="ann", alias="My clip", actor="ann") == file


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"owner": "ann"},
        {"alias": "a"},
        {"file_id": "0" * 26, "owner": "ann"},
        {"file_id": "0" * 26, "alias": "a"},
        {"file_id": "0" * 26, "owner": "ann", "alias": "a"},
    ],
)
def test_a_file_is_named_in_exactly_one_way(core: Core, params: JSON) -> None:
    error = refusal(core, "files.info", **params)
    assert isinstance(error, BadRequest)
    assert set(error.details["fields"]) == {"file_id"}


@pytest.mark.parametrize("params", [{"alias": ""}, {"alias": None}, {"alias": "x" * 101}, {"alias": "a\nb"}])
def test_a_wrong_alias_is_refused(core: Core, params: JSON) -> None:
    error = refusal(core, "files.info", owner="ann", **params)
    assert set(error.details["fields"]) == {"alias"}


def test_an_alias_is_the_owners_own(core: Core) -> None:
    processed_file(core, alias="a")
    assert isinstance(refusal(core, "files.info", owner="bob", alias="a"), NotFound)


def test_a_stranger_cannot_guess_aliases(core: Core) -> None:
    processed_file(core, alias="passport")
    there = refusal(core, "files.info", owner="ann", alias="passport", actor="sam")
    missing = refusal(core, "files.info", owner="ann", alias="licence", actor="sam")
    assert type(there) is type(missing) is NotFound
    assert (there.message, set(there.details)) == (missing.message, set(missing.details))


def test_who_may_read_a_file_may_ask_by_alias(core: Core) -> None:
    file = processed_file(core, alias="a", access="unlisted")
    assert call(core, "files.info", owner="ann", alias="a", actor="sam")["file_id"] == file["file_id"]


def test_an_alias_that_was_passed_on_leads_to_its_new_file(core: Core) -> None:
    one, two = processed_file(core, alias="a"), processed_file(core)
    call(core, "files.update", file_id=one["file_id"], changes={"alias": None})
    call(core, "files.update", file_id=two["file_id"], changes={"alias": "a"})
    assert call(core, "files.info", owner="ann", alias="a")["file_id"] == two["file_id"]


def test_chosen_fields_are_those_of_the_record(core: Core) -> None:
    file = processed_file(core, meta={"k": 1, "l": {"deep": 2}})
    answer = call(core, "files.data", file_id=file["file_id"], fields=["name", "size", "change_token", "name"])
    assert answer == {name: file[name] for name in ("file_id", "name", "size", "change_token")}


@pytest.mark.parametrize(
    ("fields", "meta"),
    [
        (["meta"], {"k": 1, "a.b": 2}),
        (["meta.k"], {"k": 1}),
        (["meta.a.b", "meta.none"], {"a.b": 2, "none": None}),
        (["meta.k", "meta"], {"k": 1, "a.b": 2}),
    ],
)
def test_single_keys_of_meta_can_be_chosen(core: Core, fields: list[str], meta: JSON) -> None:
    file = processed_file(core, meta={"k": 1, "a.b": 2})
    answer = call(core, "files.data", file_id=file["file_id"], fields=fields)
    assert answer == {"file_id": file["file_id"], "meta": meta}


def test_a_stranger_gets_only_what_a_stranger_is_shown(core: Core) -> None:
    file = processed_file(core, access="public")
    params = {"file_id": file["file_id"], "fields": ["name", "grantees", "error", "parent_id", "owner"]}
    assert set(call(core, "files.data", **params, actor="sam")) == {"file_id", "name", "owner"}
    assert set(call(core, "files.data", **params, actor="ann")) == {"file_id", *params["fields"]}


@pytest.mark.parametrize("name", ["request_id", "post_action", "nonsense", "meta.", "__class__", "\ud800", "", 7])
def test_a_field_that_no_record_shows_is_refused(core: Core, name: Any) -> None:
    error = refusal(core, "files.data", file_id=processed_file(core)["file_id"], fields=[name])
    assert isinstance(error, BadRequest)
    assert set(error.details["fields"]) == {"fields.0"}


@pytest.mark.parametrize("fields", [[], ["name"] * 51, "name", None, {"name": 1}])
def test_a_wrong_choice_is_refused(core: Core, fields: Any) -> None:
    error = refusal(core, "files.data", file_id="0" * 26, fields=fields)
    assert set(error.details["fields"]) == {"fields"}


def test_a_private_file_says_nothing_to_strangers(core: Core) -> None:
    file_id = processed_file(core)["file_id"]
    error = refusal(core, "files.data", file_id=file_id, fields=["name"], actor="sam")
    assert (type(error), error.details) == (Forbidden, {"file_id": file_id})
