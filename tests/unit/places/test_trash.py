"""The trash: what is closed there, what comes back, and what is deleted when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from files_service.core import Core
from files_service.services.files import change
from files_service.services.jobs import steps
from files_service.worker.sweeper import Sweeper
from storage_adapters import FileRecord, RevisionConflict, StorageError, StorageUnavailable
from tests.clocks import Clock
from tests.cores import announced, call, meanwhile, memory_core, pending_file, processed_file, refusal, uploaded_file
from tests.unit.places.scenes import file_at, in_folder, paths_of, run_jobs, trashed_paths

DAY = 86_400


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def core(tmp_path: Path, clock: Clock) -> Iterator[Core]:
    opened = memory_core(tmp_path)
    yield replace(opened, clock=clock)
    opened.close()


def test_a_file_comes_back_with_all_that_it_had(core: Core) -> None:
    file_id = file_at(core, "a/b/x.txt", alias="one", tags=["sea"], access="public", meta={"description": "d"})
    before = call(core, "files.info", file_id=file_id)
    first = call(core, "files.trash", file_id=file_id)
    assert first["trashed_at"] == core.clock()
    assert call(core, "files.trash", file_id=file_id) == first
    assert (paths_of(core), trashed_paths(core)) == ({}, ["a/b/x.txt"])
    assert call(core, "files.list", owner="ann")["files"] == []
    assert call(core, "files.list", access="public", actor="bob")["files"] == []
    for _ in range(2):
        after = call(core, "files.restore", file_id=file_id)
        changed = {name for name in after if after[name] != before[name]}
        assert changed == {"revision", "change_token"}
    assert announced(core, file_id)[-2:] == ["trashed", "restored"]


def test_the_bytes_and_the_record_are_closed_to_readers_in_the_trash(core: Core) -> None:
    file_id = file_at(core, "x", access="public")
    call(core, "files.trash", file_id=file_id)
    assert call(core, "files.info", file_id=file_id, actor="ann")["trashed_at"] is not None
    for actor in (None, "ann"):
        assert refusal(core, "files.download", file_id=file_id, actor=actor).code == "gone"
        assert refusal(core, "files.clone", file_id=file_id, owner="ann", actor=actor).code == "gone"
        assert refusal(core, "files.move", file_id=file_id, path="y", actor=actor).code == "gone"
    for method in ("files.info", "files.download", "files.manifest"):
        assert refusal(core, method, file_id=file_id, actor="bob").code == "forbidden"
    call(core, "files.restore", file_id=file_id)
    assert call(core, "files.download", file_id=file_id, actor="bob")["urls"]


def test_a_path_that_was_taken_meanwhile_is_left_to_its_file(core: Core) -> None:
    ids = []
    for _ in range(3):
        # All of them within one and the same millisecond.
        ids.append(file_at(core, "a/x.txt"))
        call(core, "files.trash", file_id=ids[-1])
    assert trashed_paths(core) == ["a/x.txt"] * 3
    restored = [call(core, "files.restore", file_id=file_id)["path"] for file_id in ids]
    assert restored == ["a/x.txt", "a/x (restored).txt", "a/x (restored 2).txt"]
    assert paths_of(core) == dict(zip(restored, ids, strict=True))


def test_what_was_never_finished_is_removed_and_what_is_immutable_stays(core: Core) -> None:
    unfinished = [pending_file(core)["file_id"], uploaded_file(core)["file_id"]]
    results = call(core, "files.trash", file_ids=unfinished)["files"]
    assert [each["removed"] for each in results] == [True, True]
    assert call(core, "files.trash", file_id=unfinished[0])["removed"]
    sealed = file_at(core, "sealed")
    call(core, "files.update", file_id=sealed, changes={"immutable": True})
    assert refusal(core, "files.trash", file_id=sealed).code == "immutable"
    assert call(core, "files.list", owner="ann", trashed=True, with_total=True)["total"] == 0


def test_a_file_that_finishes_while_it_is_trashed_is_kept(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    record = uploaded_file(core)
    real = core.metadata.get
    done: list[str] = []

    def get(file_id: str) -> object:
        found = real(file_id)
        if not done:
            done.append(file_id)
            call(core, "files.process", file_id=file_id)
        return found

    monkeypatch.setattr(core.metadata, "get", get)
    assert not call(core, "files.trash", file_id=record["file_id"])["removed"]
    assert call(core, "files.restore", file_id=record["file_id"])["status"] == "processed"


def test_a_file_is_deleted_for_good_after_its_days_and_never_before(core: Core, clock: Clock) -> None:
    early, late, listed = (file_at(core, path) for path in ("early", "late", "listed"))
    call(core, "files.trash", file_id=early)
    clock.pass_seconds(DAY)
    call(core, "files.trash", file_id=late)
    clock.pass_seconds(29 * DAY - 1)
    assert call(core, "files.sync")["expired"] == []
    clock.pass_seconds(1)
    assert call(core, "files.sync", dry_run=True)["expired"] == [early]
    sweeper = Sweeper(core, holder="worker")
    assert sweeper.sweep()
    assert announced(core, early)[-1] == "expired"
    assert trashed_paths(core) == ["late"]
    assert paths_of(core) == {"listed": listed}
    clock.pass_seconds(DAY)
    call(core, "files.restore", file_id=late)
    assert call(core, "files.sync")["expired"] == []


def test_a_file_is_removed_for_good_from_the_trash_alone_where_that_is_asked_for(core: Core) -> None:
    file_id = file_at(core, "x")
    assert refusal(core, "files.remove", file_id=file_id, only_trashed=True).code == "conflict"
    call(core, "files.trash", file_id=file_id)
    for _ in range(2):
        assert call(core, "files.remove", file_id=file_id, only_trashed=True)["removed"]
    assert refusal(core, "files.restore", file_id=file_id).code == "not_found"


def test_the_trash_is_emptied_of_what_is_in_it(core: Core, clock: Clock) -> None:
    loose, kept = processed_file(core)["file_id"], file_at(core, "kept")
    for path in ("a/x", "a/b/y"):
        file_at(core, path)
    call(core, "folders.create", owner="ann", path="a/empty")
    call(core, "folders.remove", owner="ann", path="a")
    call(core, "files.trash", file_id=loose)
    other = file_at(core, "z", owner="bob")
    call(core, "files.trash", file_id=other)
    job = call(core, "files.empty_trash", owner="ann")
    assert (job["state"], job["done"]) == ("done", 3)
    assert call(core, "files.list", owner="ann", trashed=True)["files"] == []
    assert call(core, "folders.trashed", owner="ann") == {"folders": []}
    assert (paths_of(core), trashed_paths(core, "bob")) == ({"kept": kept}, ["z"])


def test_equal_folders_trashed_at_once_come_back_apart(core: Core) -> None:
    for text in ("one", "two"):
        file_at(core, f"trip/{text}")
        call(core, "folders.create", owner="ann", path=f"trip/empty {text}")
        call(core, "folders.remove", owner="ann", path="trip")
    assert in_folder(core) == []
    second, first = call(core, "folders.trashed", owner="ann")["folders"]
    assert first["path"] == second["path"] == "trip"
    targets = [call(core, "folders.restore", owner="ann", **each)["target"] for each in (first, second)]
    assert targets == ["trip", "trip (restored)"]
    assert in_folder(core, "trip") == ["trip/empty one/", "trip/one"]
    assert in_folder(core, "trip (restored)") == ["trip (restored)/empty two/", "trip (restored)/two"]
    assert refusal(core, "folders.restore", owner="ann", **first).code == "not_found"


def test_expired_folders_in_the_trash_keep_no_others_there(
    core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "BATCH", 2)
    for path in ("a", "b", "c", "d"):
        call(core, "folders.create", owner="ann", path=f"{path}/made")
        call(core, "folders.remove", owner="ann", path=path)
        if path == "c":
            # None of those is swept yet.
            clock.pass_seconds(40 * DAY)
    assert [each["path"] for each in call(core, "folders.trashed", owner="ann")["folders"]] == ["d"]
    call(core, "files.empty_trash", owner="ann")
    run_jobs(core)
    assert call(core, "folders.trashed", owner="ann")["folders"] == []


def test_many_files_are_changed_each_on_its_own_and_once(core: Core) -> None:
    ids = [file_at(core, path) for path in ("a/x", "b/x", "c")]
    unknown = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
    moved = {"action": "move", "items": [{"file_id": each, "folder": "all"} for each in (*ids, unknown)]}
    results = call(core, "files.bulk", request_id="r", actor="ann", **moved)["results"]
    assert [each.get("path") for each in results] == ["all/x", "all/x (2)", "all/c", None]
    assert results[-1]["error"]["code"] == "not_found"
    call(core, "files.move", file_id=ids[0], path="elsewhere")
    assert call(core, "files.bulk", request_id="r", actor="ann", **moved)["results"] == results
    assert call(core, "files.bulk", request_id="r", actor="bob", **moved)["results"] != results
    other = {"action": "move", "items": moved["items"][:2]}
    error = refusal(core, "files.bulk", request_id="r", actor="ann", **other)
    assert (error.code, error.details) == ("conflict", {"field": "request_id"})
    assert set(paths_of(core)) == {"elsewhere", "all/x (2)", "all/c"}
    for action, item, field, value in (
        ("rename", {"name": "n"}, "name", "n"),
        ("tag", {"tags": ["Sea"]}, "tags", ["sea"]),
        ("access", {"access": "public"}, "access", "public"),
        ("trash", {}, "trashed_at", core.clock()),
        ("restore", {}, "trashed_at", None),
    ):
        [result] = call(core, "files.bulk", action=action, items=[{"file_id": ids[2], **item}])["results"]
        assert result["ok"]
        assert call(core, "files.info", file_id=ids[2])[field] == value
    fault = refusal(core, "files.bulk", action="move", items=[{"file_id": ids[0], "name": "x"}])
    assert list(fault.details["fields"]) == ["items.0"]


def test_results_of_an_owner_are_not_found_by_one_whose_name_begins_it(core: Core) -> None:
    items = [{"file_id": file_at(core, "a/x")}]
    for actor, request_id in (("ann", "team/1"), ("ann/team", "1")):
        results = call(core, "files.bulk", actor=actor, action="trash", items=items, request_id=request_id)["results"]
        assert [each["ok"] for each in results] == [actor == "ann"]


@pytest.mark.parametrize("error", [StorageUnavailable("gone"), RevisionConflict("moved")])
def test_an_action_that_failed_for_now_is_done_by_the_repeated_call(
    core: Core, monkeypatch: pytest.MonkeyPatch, error: StorageError
) -> None:
    ids = [file_at(core, path) for path in ("a/x", "b/y")]
    moved = {"action": "move", "items": [{"file_id": each, "folder": "all"} for each in ids], "request_id": "r"}
    real = core.metadata.save

    def save(record: FileRecord, **kwargs: Any) -> FileRecord:
        if record.file_id == ids[1]:
            raise error
        return real(record, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(core.metadata, "save", save)
        # Lost races are repeated without a pause.
        core.stopping.set()
        assert [each["ok"] for each in call(core, "files.bulk", **moved)["results"]] == [True, False]
    core.stopping.clear()
    results = call(core, "files.bulk", **moved)["results"]
    assert [each["path"] for each in results] == ["all/x", "all/y"]
    call(core, "files.move", file_id=ids[0], path="elsewhere")
    assert call(core, "files.bulk", **moved)["results"] == results


def test_a_file_that_changed_while_the_trash_was_emptied_is_deleted_all_the_same(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = file_at(core, "x")
    call(core, "files.trash", file_id=file_id)

    def meddle() -> None:
        change(core, file_id, lambda found: replace(found, meta={"description": "d"}))

    with monkeypatch.context() as patch:
        meanwhile(patch, core.metadata, "get", meddle)
        job = call(core, "files.empty_trash", owner="ann")
    run_jobs(core)
    job = call(core, "jobs.info", job_id=job["job_id"])
    assert (job["state"], job["done"], job["skipped"], job["errors"]) == ("done", 1, 0, [])
    assert trashed_paths(core) == []
