"""Paths of uploads, renames and moves of single files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from files_service.core import Core
from tests.cores import announced, at_once, call, memory_core, pending_file, processed_file, refusal
from tests.unit.places.scenes import file_at, paths_of

CLIMBING = ["../a", "a/../b", "..", "a/./b", "a\\b", "a\u202eb", "/a", "a//b"]


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    opened = memory_core(tmp_path)
    yield opened
    opened.close()


def test_the_name_of_an_upload_is_the_last_segment_of_its_path(core: Core) -> None:
    record = call(core, "files.upload", owner="ann", path="films/e\u0301.mp4", parts=[{"size": 1}])
    assert (record["path"], record["name"]) == ("films/é.mp4", "é.mp4")
    fault = refusal(core, "files.upload", owner="ann", path="a/b", name="c", parts=[{"size": 1}])
    assert list(fault.details["fields"]) == ["name"]
    fault = refusal(core, "files.upload", owner="ann", parts=[{"size": 1}])
    assert list(fault.details["fields"]) == ["name"]


@pytest.mark.parametrize("path", CLIMBING)
def test_no_path_climbs_out_of_its_folder(core: Core, path: str) -> None:
    file_id = file_at(core, "a/b")
    calls: list[tuple[str, dict[str, Any], str]] = [
        ("files.upload", {"owner": "ann", "path": path, "parts": [{"size": 1}]}, "path"),
        ("files.move", {"file_id": file_id, "path": path}, "path"),
        ("files.move", {"file_id": file_id, "folder": path}, "folder"),
        ("files.update", {"file_id": file_id, "changes": {"name": path}}, "changes.name"),
        ("folders.create", {"owner": "ann", "path": path}, "path"),
        ("folders.move", {"owner": "ann", "path": "a", "to": path}, "to"),
        ("files.bulk", {"action": "move", "items": [{"file_id": file_id, "path": path}]}, "items.0.path"),
    ]
    for method, params, field in calls:
        fault = refusal(core, method, **params)
        assert (fault.code, list(fault.details["fields"])) == ("bad_request", [field]), method
    assert paths_of(core) == {"a/b": file_id}


def test_uploads_of_one_path_at_once_all_get_one(core: Core) -> None:
    records = at_once(8, lambda _: pending_file(core, name="x.txt", path="a/x.txt"))
    expected = {"a/x.txt", *(f"a/x ({number}).txt" for number in range(2, 9))}
    assert {record["path"] for record in records} == expected
    fault = refusal(core, "files.upload", owner="ann", path="a/x.txt", on_conflict="fail", parts=[{"size": 1}])
    assert (fault.code, fault.http_status) == ("path_taken", 409)
    assert fault.details["file_id"] == paths_of(core)["a/x.txt"]
    assert pending_file(core, owner="bob", name="x.txt", path="a/x.txt")["path"] == "a/x.txt"


def test_a_repeated_upload_is_the_file_of_the_first(core: Core) -> None:
    file_at(core, "x")
    [first, second] = [pending_file(core, name="x", path="x", request_id="r") for _ in range(2)]
    assert first["path"] == second["path"] == "x (2)"
    assert len(paths_of(core)) == 2


def test_a_free_number_is_found_by_few_calls(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(1, 61):
        pending_file(core, name="x" if number == 1 else f"x ({number})", path="x" if number == 1 else f"x ({number})")
    calls: list[str] = []
    real = core.metadata.resolve

    def resolve(owner: str, kind: str, names: Sequence[str]) -> list[str | None]:
        calls.append(kind)
        return real(owner, kind, names)

    monkeypatch.setattr(core.metadata, "resolve", resolve)
    assert pending_file(core, name="x", path="x")["path"] == "x (61)"
    assert calls == ["path", "path"]


def test_a_new_name_moves_a_file_and_a_move_gives_it_a_name(core: Core) -> None:
    file_id = file_at(core, "a/b.txt")
    other = file_at(core, "a/c.txt")
    record = call(core, "files.update", file_id=file_id, changes={"name": "d.txt"})
    assert (record["path"], record["name"]) == ("a/d.txt", "d.txt")
    assert refusal(core, "files.update", file_id=file_id, changes={"name": "c.txt"}).code == "path_taken"
    record = call(core, "files.move", file_id=file_id, path="z/e.txt")
    assert (record["path"], record["name"]) == ("z/e.txt", "e.txt")
    for _ in range(2):
        record = call(core, "files.move", file_id=other, path="z/e.txt")
        assert record["path"] == "z/e (2).txt"
    assert refusal(core, "files.move", file_id=other, path="z/e.txt", on_conflict="fail").code == "path_taken"
    assert announced(core, file_id)[-2:] == ["updated", "moved"]


def test_files_go_into_a_folder_each_on_its_own(core: Core) -> None:
    ids = [file_at(core, path) for path in ("a/x", "b/x", "y")]
    loose = processed_file(core, name="deep/../name: <x>")["file_id"]
    sealed = file_at(core, "sealed")
    call(core, "files.update", file_id=sealed, changes={"immutable": True})
    foreign = file_at(core, "q", owner="bob")
    results = call(core, "files.move", file_ids=[*ids, loose, sealed, foreign], folder="all", actor="ann")["files"]
    assert [each.get("path") for each in results[:3]] == ["all/x", "all/x (2)", "all/y"]
    assert results[3]["path"].startswith("all/deep_")
    assert [each["error"]["code"] for each in results[4:]] == ["immutable", "forbidden"]
    assert call(core, "files.move", file_id=ids[0], folder="")["path"] == "x"


def test_a_post_action_whose_name_is_taken_fails_alone(core: Core) -> None:
    file_at(core, "a/b")
    record = processed_file(core, path="a/c", name="c", post_action={"update": {"name": "b"}})
    assert (record["path"], record["error"]["code"]) == ("a/c", "post_action_failed")


def test_paths_are_for_the_owner_alone(core: Core) -> None:
    file_id = file_at(core, "secret/x", access="public")
    assert "path" not in call(core, "files.info", file_id=file_id, actor="bob")
    queries: list[dict[str, Any]] = [{"delimiter": "/"}, {"prefix": "secret/"}, {"order_by": "path"}, {"trashed": True}]
    for query in queries:
        assert refusal(core, "files.list", owner="ann", actor="bob", **query).code == "forbidden"
        assert list(refusal(core, "files.list", **query).details["fields"]) == ["owner"]
    of_owner: dict[str, dict[str, Any]] = {
        "folders.list": {},
        "folders.create": {"path": "x"},
        "folders.move": {"path": "secret", "to": "x"},
        "folders.remove": {"path": "secret"},
        "folders.restore": {"path": "secret", "trashed_at": 1},
        "folders.trashed": {},
        "files.empty_trash": {},
        "jobs.list": {},
    }
    for method, params in of_owner.items():
        assert refusal(core, method, owner="ann", actor="bob", **params).code == "forbidden"
    for method in ("files.move", "files.trash", "files.restore"):
        place = {"path": "x"} if method == "files.move" else {}
        assert refusal(core, method, file_id=file_id, actor="bob", **place).code == "forbidden"
    with_search = refusal(core, "files.list", owner="ann", delimiter="/", search="x")
    assert list(with_search.details["fields"]) == ["delimiter"]
