"""What holds for every action: parameters refused by name, the actor checked, secrets kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
from marshmallow import Schema, ValidationError, fields

from files_service.api import METHODS
from files_service.core import Core
from files_service.errors import BadRequest, FilesError, Forbidden, Gone, NotFound
from storage_adapters import JSON
from tests.cores import attempt, call, pending_file, processed_file, refusal

NOBODY = "0" * 26
# Parameters of a call that the owner may make, by method.
CALLS: dict[str, Callable[[str], JSON]] = {
    "files.upload": lambda _: {"owner": "ann", "name": "n", "parts": [{"size": 1}]},
    "files.finish": lambda file_id: {"file_id": file_id, "part_id": "p0"},
    "files.process": lambda file_id: {"file_id": file_id},
    "files.info": lambda file_id: {"file_id": file_id},
    "files.data": lambda file_id: {"file_id": file_id, "fields": ["name"]},
    "files.head": lambda _: {"owner": "ann", "aliases": ["a"]},
    "files.download": lambda file_id: {"file_id": file_id},
    "files.archive": lambda file_id: {"file_ids": [file_id]},
    "files.list": lambda _: {"owner": "ann"},
    "files.timeline": lambda _: {"owner": "ann"},
    "files.count": lambda _: {"owner": "ann"},
    "files.report": lambda _: {"owner": "ann"},
    "files.update": lambda file_id: {"file_id": file_id, "changes": {"name": "new"}},
    "files.access": lambda file_id: {"file_ids": [file_id], "access": "shared"},
    "files.remove": lambda file_id: {"file_id": file_id},
    "files.move": lambda file_id: {"file_id": file_id, "path": "new/place"},
    "files.trash": lambda file_id: {"file_id": file_id},
    "files.restore": lambda file_id: {"file_id": file_id},
    "files.bulk": lambda file_id: {"action": "tag", "items": [{"file_id": file_id, "tags": ["new"]}]},
    "files.empty_trash": lambda _: {"owner": "ann"},
    "files.clone": lambda file_id: {"file_id": file_id, "owner": "ann"},
    "files.sync": lambda _: {"owner": "ann"},
    "files.manifest": lambda file_id: {"file_id": file_id},
    "files.known": lambda _: {"owner": "ann", "files": [{"path": "a", "size": 1, "fast_key": "0" * 16}]},
    "files.tag.add": lambda file_id: {"file_id": file_id, "tags": ["new"]},
    "files.tag.remove": lambda file_id: {"file_id": file_id, "tags": ["old"]},
    "files.tag.sync": lambda file_id: {"file_id": file_id, "tags": ["new"]},
    "files.tag.access": lambda _: {"owner": "ann", "tag": "old", "access": "shared"},
}
# Those of people have tests of their own.
OF_FILES = [name for name in METHODS if name.startswith("files.")]
OF_A_FILE = [name for name, params in CALLS.items() if "file_id" in params("")]
READING = ["files.info", "files.data", "files.download", "files.manifest"]
CHANGING = [name for name in OF_A_FILE if name not in READING and name != "files.clone"]
OF_AN_OWNER = [
    "files.upload",
    "files.head",
    "files.timeline",
    "files.count",
    "files.report",
    "files.sync",
    "files.empty_trash",
    "files.tag.access",
    "files.known",
]


def test_every_method_is_tested() -> None:
    assert set(CALLS) == set(OF_FILES)


@pytest.mark.parametrize("method", METHODS)
def test_every_action_says_what_it_does(method: str) -> None:
    summary = METHODS[method].summary
    assert summary[0].isupper()
    assert summary.endswith(".")


@pytest.mark.parametrize("actor", ["ann", None])
@pytest.mark.parametrize("method", OF_FILES)
def test_owner_and_system_may_call(core: Core, method: str, actor: str | None) -> None:
    file = processed_file(core, tags=["old"])
    assert call(core, method, actor=actor, **CALLS[method](file["file_id"]))


@pytest.mark.parametrize("method", OF_FILES)
def test_an_unknown_argument_is_refused_by_name(core: Core, method: str) -> None:
    file = processed_file(core)
    error = refusal(core, method, **CALLS[method](file["file_id"]), surprise=1, username="ann")
    assert isinstance(error, BadRequest)
    assert set(error.details["fields"]) == {"surprise", "username"}


@pytest.mark.parametrize("method", METHODS)
def test_a_missing_argument_is_refused_by_name(core: Core, method: str) -> None:
    required = {field.data_key or name for name, field in METHODS[method].schema.fields.items() if field.required}
    error = attempt(core, method)
    if required:
        assert isinstance(error, BadRequest)
        assert set(error.details["fields"]) == required


@pytest.mark.parametrize("method", METHODS)
def test_a_boolean_is_true_or_false_and_no_number(method: str) -> None:
    def of(schema: Schema) -> Iterator[fields.Field[Any]]:
        for field in schema.fields.values():
            yield field
            inner = field.inner if isinstance(field, fields.List) else field
            if isinstance(inner, fields.Nested):
                yield from of(inner.schema)

    for field in of(METHODS[method].schema):
        if isinstance(field, fields.Boolean):
            for value in (1, 0, 1.0, "true"):
                with pytest.raises(ValidationError):
                    field.deserialize(value)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("params", [None, [], "text", 7])
def test_arguments_that_are_no_mapping_are_refused(core: Core, method: str, params: Any) -> None:
    with pytest.raises(BadRequest) as caught:
        METHODS[method](params, core)
    assert caught.value.details["fields"]


@pytest.mark.parametrize("actor", ["", " ", "x" * 79, 7, True, ["ann"], {"sub": "ann"}, "a\nb", "a\x00", "\ud800"])
@pytest.mark.parametrize("method", OF_FILES)
def test_an_actor_that_is_none_is_never_taken_for_the_system(core: Core, method: str, actor: Any) -> None:
    file = processed_file(core)
    error = refusal(core, method, **CALLS[method](file["file_id"]), actor=actor)
    assert set(error.details["fields"]) == {"actor"}


@pytest.mark.parametrize("method", OF_A_FILE)
@pytest.mark.parametrize("file_id", ["", "f", "0" * 25, "0" * 27, "../" + "0" * 23, "o" * 26, "0" * 26 + "\n", 7, None])
def test_what_is_no_id_is_refused(core: Core, method: str, file_id: Any) -> None:
    error = refusal(core, method, **CALLS[method](file_id))
    assert isinstance(error, BadRequest)
    assert set(error.details["fields"]) == {"file_id"}


@pytest.mark.parametrize("method", OF_A_FILE)
def test_a_file_that_never_was_is_not_found(core: Core, method: str) -> None:
    assert isinstance(refusal(core, method, **CALLS[method](NOBODY)), NotFound)


@pytest.mark.parametrize("method", [name for name in OF_A_FILE if name not in ("files.remove", "files.trash")])
def test_a_removed_file_is_not_there_any_more(core: Core, method: str) -> None:
    file_id = processed_file(core)["file_id"]
    call(core, "files.remove", file_id=file_id)
    error = refusal(core, method, **CALLS[method](file_id))
    assert isinstance(error, Gone if method == "files.finish" else NotFound)


@pytest.mark.parametrize("access", ["private", "shared", "unlisted", "public"])
@pytest.mark.parametrize("method", CHANGING)
def test_nobody_but_the_owner_may_change_a_file(core: Core, method: str, access: str) -> None:
    file = processed_file(core, access=access)
    call(core, "files.update", file_id=file["file_id"], changes={"grantees": ["gus"]})
    for actor in ("gus", "sam"):
        assert isinstance(refusal(core, method, **CALLS[method](file["file_id"]), actor=actor), Forbidden)


@pytest.mark.parametrize(
    ("access", "readers"),
    [("private", set()), ("shared", {"gus"}), ("unlisted", {"gus", "sam"}), ("public", {"gus", "sam"})],
)
@pytest.mark.parametrize("method", [*READING, "files.clone"])
def test_reading_follows_the_access(core: Core, method: str, access: str, readers: set[str]) -> None:
    file = processed_file(core, access=access)
    call(core, "files.update", file_id=file["file_id"], changes={"grantees": ["gus"]})
    for actor in ("gus", "sam"):
        params = CALLS[method](file["file_id"]) | ({"owner": actor} if method == "files.clone" else {})
        outcome = attempt(core, method, **params, actor=actor)
        assert isinstance(outcome, Forbidden) is (actor not in readers)


@pytest.mark.parametrize("method", OF_AN_OWNER)
def test_nobody_may_act_for_somebody_else(core: Core, method: str) -> None:
    error = refusal(core, method, **CALLS[method](NOBODY), actor="sam")
    assert isinstance(error, Forbidden)
    assert error.details == {"owner": "ann"}


@pytest.mark.parametrize("actor", [None, "ann", "sam"])
def test_secrets_never_cross_the_wire(core: Core, actor: str | None) -> None:
    post_action = {"update": {"meta": {"k": "TOP-SECRET"}}}
    params = {"request_id": "TOP-SECRET", "post_action": post_action, "access": "public", "tags": ["old"]}
    pending = pending_file(core, **params)
    assert b"TOP-SECRET" not in orjson.dumps(pending)
    finished = processed_file(core, access="public", request_id="TOP-SECRET-2", tags=["old"])
    for method, params_of in CALLS.items():
        for file in (pending, finished):
            params = params_of(file["file_id"])
            answer = attempt(core, method, **params, actor=actor)
            said = orjson.dumps(answer.to_wire() if isinstance(answer, FilesError) else answer)
            assert b"SECRET" not in said
            assert b"post_action" not in said
            assert b"request_id" not in said


@pytest.mark.parametrize("method", ["files.info", "files.list", "files.data", "files.clone"])
def test_a_stranger_is_not_shown_the_affairs_of_the_owner(core: Core, method: str) -> None:
    file = processed_file(core, access="public")
    call(core, "files.update", file_id=file["file_id"], changes={"grantees": ["gus"]})
    params = CALLS[method](file["file_id"])
    if method == "files.data":
        params["fields"] = ["name", "grantees", "lease", "error", "upload_expires_at", "parent_id", "parts"]
    if method == "files.clone":
        params["owner"] = "sam"
    answer = call(core, method, **params, actor="sam")
    [shown] = answer.get("files", [answer])
    if method != "files.clone":
        assert not {"grantees", "lease", "error", "upload_expires_at", "parent_id"} & set(shown)
        assert not {"bucket", "key", "generation"} & set(shown["parts"][0])
    assert b"gus" not in orjson.dumps(shown)


@pytest.mark.parametrize("method", ["files.process", "files.update", "files.clone", "files.tag.add", "files.remove"])
def test_a_change_names_its_revision_and_write(core: Core, method: str) -> None:
    file = processed_file(core)
    answer = call(core, method, **CALLS[method](file["file_id"]))
    assert answer["change_token"] == f"{answer['file_id']}:{answer['revision']}"


def test_many_faults_are_told_up_to_a_bound(core: Core) -> None:
    error = refusal(core, "files.count", **{f"unknown{index}": 1 for index in range(1_000)})
    assert len(error.details["fields"]) == 50


@pytest.mark.parametrize("name", ["\ud800", "x" * 100_000, "a\nb\x1b[2J", ""])
def test_a_strange_name_of_an_argument_can_be_repeated(core: Core, name: str) -> None:
    error = refusal(core, "files.count", **{name: 1})
    [field] = error.details["fields"]
    assert len(field) <= 300
    assert field.isprintable()
    assert orjson.dumps(error.to_wire())
