"""files.clone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from files_service.core import Core
from files_service.errors import (
    AliasTaken,
    BadRequest,
    BytesLost,
    Conflict,
    FilesError,
    Forbidden,
    NotSupported,
    UnsupportedType,
    WrongStatus,
)
from tests.cores import (
    BareBlobStore,
    announced,
    at_once,
    attempt,
    call,
    meanwhile,
    memory_core,
    pending_file,
    processed_file,
    refusal,
    uploaded_file,
)


def clone(core: Core, file_id: str, owner: str = "ann", **params: Any) -> dict[str, Any]:
    return call(core, "files.clone", file_id=file_id, owner=owner, **params)


def content(core: Core, record: dict[str, Any]) -> list[bytes]:
    return [b"".join(core.blobs.get(part["key"])) for part in record["parts"]]


def test_a_clone_is_a_new_private_file_of_the_same_bytes(core: Core) -> None:
    source = processed_file(core, b"one", b"two", tags=["sea"], meta={"k": 1}, alias="a", access="public")
    made = clone(core, source["file_id"])
    assert made["file_id"] != source["file_id"]
    assert (made["parent_id"], made["owner"], made["status"], made["access"]) == (
        source["file_id"],
        "ann",
        "uploaded",
        "private",
    )
    same = ("name", "tags", "meta", "size", "content_type")
    assert {name: made[name] for name in same} == {name: source[name] for name in same}
    assert (made["alias"], made["immutable"], made["temporary"]) == (None, False, False)
    assert content(core, made) == content(core, source) == [b"one", b"two"]
    assert {part["key"] for part in made["parts"]}.isdisjoint(part["key"] for part in source["parts"])
    assert announced(core, made["file_id"]) == ["created", "uploaded"]
    assert call(core, "files.process", file_id=made["file_id"])["status"] == "processed"


def test_a_clone_outlives_its_source(core: Core) -> None:
    source = processed_file(core, b"one")
    made = clone(core, source["file_id"])
    call(core, "files.remove", file_id=source["file_id"])
    core.blobs.delete(source["parts"][0]["key"])
    assert content(core, made) == [b"one"]


def test_changes_are_made_on_the_way(core: Core) -> None:
    source = processed_file(core, meta={"k": 1, "l": 2})
    changes = {"name": "copy", "alias": "c", "tags": ["New"], "meta": {"k": None, "m": 3}, "grantees": ["gus"]}
    made = clone(core, source["file_id"], changes=changes)
    expected = {**changes, "tags": ["new"], "meta": {"l": 2, "m": 3}}
    assert {name: made[name] for name in changes} == expected


def test_a_stranger_may_clone_what_it_may_read_into_its_own_files(core: Core) -> None:
    source = processed_file(core, access="public")
    made = clone(core, source["file_id"], owner="sam", actor="sam")
    assert (made["owner"], made["access"]) == ("sam", "private")
    assert isinstance(refusal(core, "files.info", file_id=made["file_id"], actor="ann"), Forbidden)


@pytest.mark.parametrize("owner", ["ann", "bob"])
def test_a_stranger_may_not_clone_into_the_files_of_others(core: Core, owner: str) -> None:
    source = processed_file(core, access="public")
    assert isinstance(refusal(core, "files.clone", file_id=source["file_id"], owner=owner, actor="sam"), Forbidden)


def test_the_clone_of_an_unlisted_file_does_not_give_its_id_away(core: Core) -> None:
    source = processed_file(core, access="unlisted")
    made = clone(core, source["file_id"], owner="sam", actor="sam")
    call(core, "files.process", file_id=made["file_id"])
    call(core, "files.access", file_ids=[made["file_id"]], access="public")
    assert made["parent_id"] == source["file_id"], "the owner of the clone knows it anyway"
    assert "parent_id" not in call(core, "files.info", file_id=made["file_id"], actor="eve")
    assert call(core, "files.list", actor="eve")["files"][0].get("parent_id") is None
    error = refusal(core, "files.list", actor="eve", filter={"parent_id": {"prefix": source["file_id"][:3]}})
    assert set(error.details["fields"]) == {"filter.parent_id"}


@pytest.mark.parametrize("make", [pending_file, uploaded_file])
def test_only_a_processed_file_is_cloned(core: Core, make: Any) -> None:
    file = make(core)
    error = refusal(core, "files.clone", file_id=file["file_id"], owner="ann")
    assert (type(error), error.details) == (WrongStatus, {"status": file["status"]})


@pytest.mark.parametrize("params", [{}, {"request_id": "r"}, {"changes": {"alias": "c"}}])
def test_repeating_it_gives_the_same_clone_and_no_second_event(core: Core, params: dict[str, Any]) -> None:
    source = processed_file(core, b"one", b"two")
    first = clone(core, source["file_id"], **params)
    assert clone(core, source["file_id"], **params) == first
    assert announced(core, first["file_id"]) == ["created", "uploaded"]


def test_other_changes_another_owner_or_request_make_another_clone(core: Core) -> None:
    source = processed_file(core)["file_id"]
    calls: list[dict[str, Any]] = [
        {},
        {"changes": {"name": "x"}},
        {"owner": "bob"},
        {"request_id": "r"},
        {"request_id": "s"},
    ]
    made = [clone(core, source, **params) for params in calls]
    assert len({each["file_id"] for each in made}) == 5


def test_a_request_id_of_another_file_is_a_conflict(core: Core) -> None:
    one, two = processed_file(core), processed_file(core)
    pending_file(core, b"content", request_id="u")
    clone(core, one["file_id"], request_id="r")
    for request_id in ("r", "u"):
        error = refusal(core, "files.clone", file_id=two["file_id"], owner="ann", request_id=request_id)
        assert (type(error), error.details["field"]) == (Conflict, "request_id")


def test_one_call_from_many_threads_makes_one_clone(core: Core) -> None:
    contents = [bytes([65 + index]) for index in range(6)]
    source = processed_file(core, *contents)["file_id"]
    made = at_once(8, lambda _: clone(core, source, changes={"alias": "c"}))
    assert len({each["file_id"] for each in made}) == 1
    assert content(core, made[0]) == contents
    assert announced(core, made[0]["file_id"]) == ["created", "uploaded"]


def test_a_faster_call_that_copied_a_part_is_no_error(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    source = processed_file(core, b"one", b"two")["file_id"]
    meanwhile(monkeypatch, core.metadata, "save", lambda: clone(core, source))
    made = clone(core, source)
    assert (made["status"], content(core, made)) == ("uploaded", [b"one", b"two"])


def test_a_clone_that_was_interrupted_goes_on(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    source = processed_file(core, b"one", b"two")

    class Died(Exception):
        """The process ends here."""

    def die() -> None:
        raise Died

    with monkeypatch.context() as patch:
        meanwhile(patch, core.blobs, "copy", die)
        with pytest.raises(Died):
            clone(core, source["file_id"])
    made = clone(core, source["file_id"])
    assert (made["status"], content(core, made)) == ("uploaded", [b"one", b"two"])
    assert len(call(core, "files.list", owner="ann")["files"]) == 2


def test_a_taken_alias_is_refused_and_nothing_is_made(core: Core) -> None:
    source = processed_file(core, alias="a")
    error = refusal(core, "files.clone", file_id=source["file_id"], owner="ann", changes={"alias": "a"})
    assert (type(error), error.details) == (AliasTaken, {"field": "alias", "file_id": source["file_id"]})
    assert call(core, "files.count", owner="ann")["total"] == 1


def test_of_many_clones_that_claim_an_alias_one_gets_it(core: Core) -> None:
    source = processed_file(core)["file_id"]
    params = {"file_id": source, "owner": "ann", "changes": {"alias": "c"}}
    outcomes = at_once(8, lambda index: attempt(core, "files.clone", **params, request_id=f"r{index}"))
    assert sum(not isinstance(each, FilesError) for each in outcomes) == 1
    assert all(isinstance(each, AliasTaken) for each in outcomes if isinstance(each, FilesError))


def test_a_source_whose_bytes_are_gone_is_refused_as_lost(core: Core) -> None:
    source = processed_file(core)
    core.blobs.delete(source["parts"][0]["key"])
    assert isinstance(refusal(core, "files.clone", file_id=source["file_id"], owner="ann"), BytesLost)


def test_meta_cannot_grow_beyond_its_limit_by_cloning(core: Core) -> None:
    source = processed_file(core, meta={"a": "x" * 40_000})
    params = {"file_id": source["file_id"], "owner": "ann", "changes": {"meta": {"b": "x" * 40_000}}}
    error = refusal(core, "files.clone", **params)
    assert isinstance(error, BadRequest)
    assert set(error.details["fields"]) == {"changes.meta"}


def test_a_clone_cannot_be_of_a_type_that_is_not_taken(tmp_path: Path) -> None:
    core = memory_core(tmp_path, allowed_content_types=("image/png",))
    source = processed_file(core, parts=[{"size": 7, "content_type": "image/png"}])
    params = {"file_id": source["file_id"], "owner": "ann", "changes": {"content_type": "text/html"}}
    assert isinstance(refusal(core, "files.clone", **params), UnsupportedType)


def test_a_store_that_cannot_copy_says_so(core: Core) -> None:
    source = processed_file(core)
    error = refusal(replace(core, blobs=BareBlobStore()), "files.clone", file_id=source["file_id"], owner="ann")
    assert (type(error), error.details) == (NotSupported, {"capability": "Copy"})


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"owner": ""}, "owner"),
        ({"changes": {}}, "changes"),
        ({"changes": {"size": 1}}, "changes.size"),
        ({"changes": {"meta": {"k": float("nan")}}}, "changes.meta"),
        ({"request_id": "a\nb"}, "request_id"),
        ({"access": "public"}, "access"),
    ],
)
def test_a_wrong_parameter_is_refused_by_its_path(core: Core, params: dict[str, Any], field: str) -> None:
    error = refusal(core, "files.clone", **{"file_id": "0" * 26, "owner": "ann"} | params)
    assert set(error.details["fields"]) == {field}
