"""files.update."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from files_service.core import Core
from files_service.errors import AliasTaken, BadRequest, Conflict, FilesError, Immutable, UnsupportedType
from storage_adapters import JSON
from tests.cores import (
    announced,
    at_once,
    attempt,
    call,
    memory_core,
    pending_file,
    processed_file,
    refusal,
    uploaded_file,
    writes,
)


def update(core: Core, file: JSON, /, expected_revision: int | None = None, **changes: Any) -> JSON:
    return call(core, "files.update", file_id=file["file_id"], changes=changes, expected_revision=expected_revision)


def refused(core: Core, file: JSON, /, expected_revision: int | None = None, **changes: Any) -> FilesError:
    params = {"file_id": file["file_id"], "changes": changes, "expected_revision": expected_revision}
    return refusal(core, "files.update", **params)


def test_what_is_named_is_changed_and_the_rest_stays(core: Core) -> None:
    file = processed_file(core, alias="a", tags=["old"], meta={"k": 1})
    changed = update(core, file, name="new", meta={"description": "d"})
    expected = {"name": "new", "meta": {"k": 1, "description": "d"}, "revision": file["revision"] + 1}
    assert changed == {**file, **expected, "change_token": f"{file['file_id']}:{file['revision'] + 1}"}
    assert call(core, "files.info", file_id=file["file_id"]) == changed
    assert announced(core, file["file_id"])[-1] == "updated"


def test_everything_that_people_gave_can_be_changed(core: Core) -> None:
    file = processed_file(core)
    changes: dict[str, Any] = {
        "name": "new",
        "alias": "b",
        "tags": ["X", "x"],
        "meta": {"website": "http://example.org"},
        "content_type": "Image/PNG",
        "grantees": ["gus", "gus"],
        "immutable": True,
    }
    changed = update(core, file, **changes)
    expected = {**changes, "tags": ["x"], "content_type": "image/png", "grantees": ["gus"]}
    assert {name: changed[name] for name in changes} == expected


def test_null_unsets(core: Core) -> None:
    file = processed_file(core, alias="a", tags=["old"], meta={"k": 1, "l": 2})
    assert update(core, file, meta={"k": None})["meta"] == {"l": 2}
    changed = update(core, file, alias=None, tags=None, meta=None, grantees=None)
    assert (changed["alias"], changed["tags"], changed["meta"], changed["grantees"]) == (None, [], {}, [])


@pytest.mark.parametrize("make", [pending_file, uploaded_file, processed_file])
def test_a_file_can_be_edited_whatever_its_status(core: Core, make: Any) -> None:
    file = make(core)
    changed = update(core, file, name="new")
    assert (changed["name"], changed["status"]) == ("new", file["status"])


def test_a_repeated_edit_writes_and_announces_nothing(core: Core) -> None:
    file = processed_file(core)
    changes = {"name": "new", "alias": "a", "tags": ["B", "a"], "meta": {"k": 1, "gone": None}, "immutable": True}
    first = update(core, file, file["revision"], **changes)
    before = writes(core)
    assert update(core, file, file["revision"], **changes) == first
    assert writes(core) == before


def test_an_alias_set_to_itself_is_no_error(core: Core) -> None:
    file = processed_file(core, alias="a")
    assert update(core, file, alias="a")["revision"] == file["revision"]
    assert update(core, file, alias="a", name="new")["name"] == "new"


def test_an_alias_is_unique_per_owner_and_can_be_passed_on(core: Core) -> None:
    one, two = processed_file(core, alias="a"), processed_file(core)
    other = processed_file(core, owner="bob", alias="a")
    error = refused(core, two, alias="a")
    assert (type(error), error.details) == (AliasTaken, {"field": "alias", "file_id": one["file_id"]})
    update(core, one, alias=None)
    assert update(core, two, alias="a")["alias"] == other["alias"]


def test_of_many_files_that_claim_an_alias_one_gets_it(core: Core) -> None:
    files = [processed_file(core) for _ in range(8)]
    params = {"changes": {"alias": "a"}}
    outcomes = at_once(8, lambda index: attempt(core, "files.update", file_id=files[index]["file_id"], **params))
    assert sum(not isinstance(each, FilesError) for each in outcomes) == 1
    assert all(isinstance(each, AliasTaken) for each in outcomes if isinstance(each, FilesError))


def test_concurrent_edits_of_different_keys_are_all_kept(core: Core) -> None:
    file = processed_file(core)
    at_once(16, lambda index: update(core, file, meta={f"k{index}": index}))
    stored = call(core, "files.info", file_id=file["file_id"])
    assert stored["meta"] == {f"k{index}": index for index in range(16)}
    assert stored["revision"] == file["revision"] + 16
    assert announced(core, file["file_id"]).count("updated") == 16


def test_of_many_edits_of_one_revision_one_wins(core: Core) -> None:
    file = processed_file(core)

    def edit(index: int) -> JSON | FilesError:
        params = {"changes": {"name": f"n{index}"}, "expected_revision": file["revision"]}
        return attempt(core, "files.update", file_id=file["file_id"], **params)

    outcomes = at_once(12, edit)
    [winner] = [each for each in outcomes if not isinstance(each, FilesError)]
    losers = [each for each in outcomes if isinstance(each, FilesError)]
    assert all(isinstance(each, Conflict) for each in losers)
    assert {each.details["revision"] for each in losers} == {winner["revision"]}


def test_an_outdated_edit_is_a_conflict_that_tells_where_the_file_stands(core: Core) -> None:
    file = processed_file(core)
    update(core, file, name="new")
    error = refused(core, file, file["revision"], name="other")
    assert (type(error), error.details) == (Conflict, {"revision": file["revision"] + 1})


def test_a_sealed_file_cannot_be_edited(core: Core) -> None:
    file = processed_file(core, meta={"k": 1})
    sealed = update(core, file, immutable=True)
    for changes in ({"name": "x"}, {"tags": ["x"]}, {"meta": {"k": 2}}, {"alias": "x"}, {"content_type": "a/b"}):
        error = refused(core, file, **changes)
        assert (type(error), error.details) == (Immutable, {"file_id": file["file_id"]})
    assert update(core, file, meta={"k": 1}, immutable=True) == sealed


def test_a_sealed_file_can_still_be_shared(core: Core) -> None:
    file = processed_file(core)
    update(core, file, immutable=True)
    assert update(core, file, grantees=["gus"])["grantees"] == ["gus"]
    assert isinstance(refused(core, file, grantees=["eve"], name="x"), Immutable)


@pytest.mark.parametrize(("one", "other"), [(1, True), (0, False), (1, 1.0), ({"k": [1]}, {"k": [True]})])
def test_a_value_of_another_type_is_a_change(core: Core, one: Any, other: Any) -> None:
    file = processed_file(core, meta={"v": one})
    changed = update(core, file, meta={"v": other})
    assert repr(changed["meta"]["v"]) == repr(other)
    assert changed["revision"] == file["revision"] + 1


def test_meta_cannot_grow_beyond_its_limit_in_small_steps(core: Core) -> None:
    file = processed_file(core)
    update(core, file, meta={"a": "x" * 40_000})
    error = refused(core, file, meta={"b": "x" * 40_000})
    assert isinstance(error, BadRequest)
    assert set(error.details["fields"]) == {"changes.meta"}
    assert update(core, file, meta={"a": None, "b": "x" * 40_000})


def test_a_file_cannot_become_of_a_type_that_is_not_taken(tmp_path: Path) -> None:
    core = memory_core(tmp_path, allowed_content_types=("image/*",))
    file = processed_file(core, parts=[{"size": 7, "content_type": "image/png"}])
    error = refused(core, file, content_type="text/html")
    assert isinstance(error, UnsupportedType)
    assert error.details == {"field": "changes.content_type", "allowed": ["image/*"]}
    assert update(core, file, content_type="image/jpeg")["content_type"] == "image/jpeg"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({}, "changes"),
        (None, "changes"),
        ([], "changes"),
        ({"status": "processed"}, "changes.status"),
        ({"owner": "sam"}, "changes.owner"),
        ({"access": "public"}, "changes.access"),
        ({"revision": 1}, "changes.revision"),
        ({"name": None}, "changes.name"),
        ({"name": ""}, "changes.name"),
        ({"alias": ""}, "changes.alias"),
        ({"tags": [1]}, "changes.tags.0"),
        ({"tags": ["x"] * 21}, "changes.tags"),
        ({"meta": 1}, "changes.meta"),
        ({"meta": {"k": float("inf")}}, "changes.meta"),
        ({"content_type": None}, "changes.content_type"),
        ({"content_type": "x"}, "changes.content_type"),
        ({"grantees": "gus"}, "changes.grantees"),
        ({"grantees": [""]}, "changes.grantees.0"),
        ({"grantees": ["g"] * 101}, "changes.grantees"),
        ({"immutable": False}, "changes.immutable"),
        ({"immutable": None}, "changes.immutable"),
    ],
)
def test_a_wrong_change_is_refused_by_its_path(core: Core, changes: Any, field: str) -> None:
    file = processed_file(core)
    before = writes(core)
    error = refusal(core, "files.update", file_id=file["file_id"], changes=changes)
    assert set(error.details["fields"]) == {field}
    assert writes(core) == before


@pytest.mark.parametrize("revision", [0, -1, 1.5, "1", True])
def test_a_wrong_revision_is_refused(core: Core, revision: Any) -> None:
    error = refusal(core, "files.update", file_id="0" * 26, changes={"name": "n"}, expected_revision=revision)
    assert set(error.details["fields"]) == {"expected_revision"}


def test_a_race_that_never_ends_is_given_up_as_a_conflict(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    file = processed_file(core)
    real_get, impatient = core.metadata.get, replace(core)
    impatient.stopping.set()
    monkeypatch.setattr(core.metadata, "get", lambda file_id: replace(real_get(file_id), revision=99))
    assert isinstance(refused(impatient, file, name="new"), Conflict)
