"""Folders as they are shown, moved, and worked on by jobs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from files_service.core import Core
from files_service.domain.paths import MAX_DEPTH
from files_service.services.accounts import documents
from files_service.services.folders.folder import FOLDERS, make_folders
from files_service.services.jobs import steps
from files_service.services.jobs.job import Stage, find_job
from files_service.services.jobs.steps import BATCH, run_step
from storage_adapters import FileRecord, FileStatus
from tests.contract.metadata_scenes import make_record
from tests.cores import call, memory_core, refusal
from tests.unit.places.scenes import file_at, in_folder, paths_of, run_jobs, trashed_paths


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    opened = memory_core(tmp_path)
    yield opened
    opened.close()


def fill(core: Core, folder: str, count: int) -> None:
    """Store many files without bytes."""
    for number in range(count):
        record = _record(core, f"{folder}/{number:04}")
        core.metadata.save(record, expected_revision=0, changed_at=1, event=None)


def _record(core: Core, path: str, owner: str = "ann") -> FileRecord:
    name = path.rpartition("/")[2]
    fields = {"owner": owner, "path": path, "name": name, "parts": (), "processed_at": 1}
    return make_record(core.new_id(), status=FileStatus.PROCESSED, **fields)


def test_a_folder_that_was_made_stays_and_any_other_goes_with_its_last_file(core: Core) -> None:
    assert call(core, "folders.create", owner="ann", path="a/b/c/")["created"]
    assert not call(core, "folders.create", owner="ann", path="a/b")["created"]
    file_id = file_at(core, "d/x")
    file_at(core, "a")
    assert in_folder(core) == ["a", "a/", "d/"]
    assert in_folder(core, "a/b") == ["a/b/c/"]
    assert in_folder(core, "a/b/c") == []
    call(core, "files.move", file_id=file_id, path="a/b/c/x")
    assert in_folder(core) == ["a", "a/"]
    assert refusal(core, "folders.list", owner="ann", path="d").code == "not_found"
    assert refusal(core, "folders.list", owner="ann", path="a/b", cursor="x").code == "bad_request"
    assert list(refusal(core, "folders.create", owner="ann", path="").details["fields"]) == ["path"]


def test_a_folder_that_is_made_is_not_deep(core: Core) -> None:
    deepest = "/".join(["a"] * MAX_DEPTH)
    file_id = file_at(core, "x")
    for method, field, params in (
        ("folders.create", "path", {"owner": "ann", "path": f"{deepest}/a"}),
        ("folders.create", "path", {"owner": "ann", "path": "/".join(["a"] * 512)}),
        ("folders.move", "to", {"owner": "ann", "path": "up", "to": f"{deepest}/a"}),
        ("files.move", "path", {"file_id": file_id, "path": f"{deepest}/a"}),
        ("files.move", "folder", {"file_id": file_id, "folder": f"{deepest}/a"}),
        ("files.move", "folder", {"file_id": file_id, "folder": deepest}),
        ("files.upload", "path", {"owner": "ann", "path": f"{deepest}/a", "parts": [{"size": 1}]}),
    ):
        assert list(refusal(core, method, **params).details["fields"]) == [field]
    assert list(documents.walk(core, FOLDERS, "")) == []
    assert call(core, "folders.create", owner="ann", path=deepest)["created"]
    assert len(list(documents.walk(core, FOLDERS, ""))) == MAX_DEPTH


def test_a_deep_folder_of_an_earlier_release_moves_to_a_place_that_is_less_deep(core: Core) -> None:
    folder = "/".join(["a"] * 100)
    fill(core, folder, 2)
    make_folders(core, "ann", f"{folder}/empty")
    assert in_folder(core, folder) == [f"{folder}/0000", f"{folder}/0001", f"{folder}/empty/"]
    for number, path in enumerate((f"{folder}/0000", f"{folder}/0001")):
        file_id = paths_of(core)[path]
        call(core, "files.update", file_id=file_id, changes={"name": str(number)})
        call(core, "files.trash", file_id=file_id)
        call(core, "files.restore", file_id=file_id)
    # As deep as it was is no deeper; all below it moves along.
    for source, target in (("a", "b"), ("b/a", "c"), (f"c/{folder.removeprefix('a/a/')}", "d")):
        job = call(core, "folders.move", owner="ann", path=source, to=target)
        assert (job["state"], job["done"], job["skipped"]) == ("done", 2, 0)
    assert in_folder(core, "d") == ["d/0", "d/1", "d/empty/"]
    # What would lie too deep stays, and is told.
    call(core, "folders.move", owner="ann", path="d", to="e/f")
    job = call(core, "folders.move", owner="ann", path="e", to="/".join(["g"] * (MAX_DEPTH - 1)))
    assert {each["code"] for each in job["errors"]} == {"bad_request"}
    assert in_folder(core, "e/f") == ["e/f/0", "e/f/1", "e/f/empty/"]


_NAMES = st.sampled_from(["a", "a-", "a0", "b", "Z", "é", "\U0001f3a5", "\uffff"])
_PATHS = st.lists(_NAMES, min_size=1, max_size=3).map("/".join)


@settings(max_examples=60, deadline=None)
@given(files=st.sets(_PATHS, max_size=8), made=st.sets(_PATHS, max_size=6), limit=st.integers(1, 4))
def test_every_page_of_every_folder_has_what_lies_in_it(files: set[str], made: set[str], limit: int) -> None:
    core = memory_core(Path())
    for path in sorted(files):
        core.metadata.save(_record(core, path), expected_revision=0, changed_at=1, event=None)
    for path in sorted(made):
        call(core, "folders.create", owner="ann", path=path)
    segments = [path.split("/") for path in files | {f"{path}/ " for path in made}]
    folders = {"/".join(each[:count]) for each in segments for count in range(1, len(each))}
    for folder in {"", *folders}:
        prefix = f"{folder}/" if folder else ""
        expected = [path for path in files if path.startswith(prefix) and "/" not in path[len(prefix) :]]
        expected += [f"{path}/" for path in folders if path.startswith(prefix) and "/" not in path[len(prefix) :]]
        assert in_folder(core, folder, limit=limit) == sorted(expected), folder


def test_a_folder_is_moved_with_all_that_is_in_it_and_nothing_beside_it(core: Core) -> None:
    for path in ("up/a", "up/b/c", "up2/a", "up"):
        file_at(core, path)
    call(core, "folders.create", owner="ann", path="up/empty")
    before = paths_of(core)
    job = call(core, "folders.move", owner="ann", path="up", to="down/up", request_id="r")
    assert (job["state"], job["done"], job["target"]) == ("done", 2, "down/up")
    expected = {"down/up/a": before["up/a"], "down/up/b/c": before["up/b/c"], "up2/a": before["up2/a"]}
    assert paths_of(core) == expected | {"up": before["up"]}
    assert in_folder(core, "down/up") == ["down/up/a", "down/up/b/", "down/up/empty/"]
    assert call(core, "folders.move", owner="ann", path="up", to="down/up", request_id="r") == job
    assert refusal(core, "folders.move", owner="ann", path="up", to="x").code == "not_found"


def test_the_id_of_a_request_is_that_of_one_job(core: Core) -> None:
    for path in ("a/x", "b/x", "c/x", "taken/x"):
        file_at(core, path)
    moved = call(core, "folders.move", owner="ann", path="a", to="taken", request_id="move")
    assert moved["target"] == "taken (2)"
    assert call(core, "folders.move", owner="ann", path="a", to="taken", request_id="move") == moved
    removed = call(core, "folders.remove", owner="ann", path="b", request_id="remove")
    [entry] = call(core, "folders.trashed", owner="ann")["folders"]
    place = {"path": "b", "trashed_at": entry["trashed_at"]}
    restored = call(core, "folders.restore", owner="ann", **place, request_id="restore")
    before = paths_of(core)
    for method, params in (
        ("folders.move", {"path": "a", "to": "elsewhere", "request_id": "move"}),
        ("folders.move", {"path": "c", "to": "taken", "request_id": "move"}),
        ("folders.remove", {"path": "c", "request_id": "remove"}),
        ("folders.remove", {"path": "a", "request_id": "move"}),
        ("folders.restore", {**place, "trashed_at": place["trashed_at"] + 1, "request_id": "restore"}),
        ("files.empty_trash", {"request_id": "remove"}),
    ):
        error = refusal(core, method, owner="ann", **params)
        assert (error.code, error.details["field"]) == ("conflict", "request_id"), method
    assert call(core, "folders.remove", owner="ann", path="b", request_id="remove") == removed
    assert call(core, "folders.restore", owner="ann", **place, request_id="restore") == restored
    assert paths_of(core) == before


def test_a_folder_that_is_there_is_another_name_or_the_place_or_an_error(core: Core) -> None:
    for path in ("a/x.t", "b/x.t", "c/x.t"):
        file_at(core, path)
    assert refusal(core, "folders.move", owner="ann", path="a", to="c", on_conflict="fail").code == "path_taken"
    assert call(core, "folders.move", owner="ann", path="a", to="c")["target"] == "c (2)"
    assert call(core, "folders.move", owner="ann", path="b", to="c", on_conflict="merge")["target"] == "c"
    assert set(paths_of(core)) == {"c (2)/x.t", "c/x (2).t", "c/x.t"}
    for to in ("c", "c/d", "c/x.t/e"):
        assert list(refusal(core, "folders.move", owner="ann", path="c", to=to).details["fields"]) == ["to"]
    file_at(core, "p/q/p/q/y")
    assert list(refusal(core, "folders.move", owner="ann", path="p/q", to="p").details["fields"]) == ["to"]


def test_what_cannot_move_stays_and_is_told(core: Core) -> None:
    sealed, free = file_at(core, "a/sealed"), file_at(core, "a/free")
    deep = file_at(core, "a/" + "/".join(["x" * 200] * 4))
    call(core, "files.update", file_id=sealed, changes={"immutable": True})
    job = call(core, "folders.move", owner="ann", path="a", to="/".join(["y" * 200] * 2))
    assert (job["state"], job["done"], job["skipped"]) == ("done", 1, 2)
    assert {each["file_id"]: each["code"] for each in job["errors"]} == {sealed: "immutable", deep: "bad_request"}
    assert paths_of(core)[f"{job['target']}/free"] == free
    job = call(core, "folders.remove", owner="ann", path="a")
    assert (job["done"], job["skipped"]) == (1, 1)


def test_folders_that_cannot_move_keep_no_others_from_it(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "BATCH", 2)
    stuck = [f"a/{number}{'x' * 200}" for number in range(5)]
    deep = f"a/-b/{'x' * 200}"
    for path in (*stuck, "a/y/z", deep):
        call(core, "folders.create", owner="ann", path=path)
    job = call(core, "folders.move", owner="ann", path="a", to="/".join(["t" * 210] * 4))
    run_jobs(core)
    assert call(core, "jobs.info", job_id=job["job_id"])["state"] == "done"
    # They are found where they were.
    assert in_folder(core, "a") == ["a/-b/", *(f"{path}/" for path in stuck)]
    assert in_folder(core, "a/-b") == [f"{deep}/"]
    assert in_folder(core, f"{job['target']}/y") == [f"{job['target']}/y/z/"]


def test_a_large_folder_is_the_work_of_a_worker(core: Core) -> None:
    fill(core, "big", 2 * BATCH + 5)
    fill(core, "big2", 3)
    call(core, "folders.create", owner="ann", path="big/empty")
    ids = set(paths_of(core).values())
    job = call(core, "folders.move", owner="ann", path="big", to="moved")
    assert (job["state"], job["total"], job["done"]) == ("running", None, 0)
    # Of the two folders, and of those in and around them, no other job may be made.
    for method, params in (
        ("folders.move", {"path": "big", "to": "other"}),
        ("folders.move", {"path": "big2", "to": "moved/big2"}),
        ("folders.move", {"path": "big2", "to": "big/inner"}),
        ("folders.remove", {"path": "big/empty"}),
    ):
        assert refusal(core, method, owner="ann", **params).code == "busy"
    found = find_job(core, job["job_id"])
    assert found is not None
    for done in (0, BATCH):
        found = run_step(core, found)
        progress = call(core, "jobs.info", job_id=job["job_id"], actor="ann")
        assert (progress["state"], progress["total"], progress["done"]) == ("running", 2 * BATCH + 5, done)
    assert refusal(core, "jobs.info", job_id=job["job_id"], actor="bob").code == "not_found"
    file_at(core, "big/0000 new")
    assert len(paths_of(core)) == len(ids) + 1
    run_jobs(core)
    assert call(core, "jobs.list", owner="ann")["jobs"][0]["state"] == "done"
    assert call(core, "jobs.info", job_id=job["job_id"])["done"] == 2 * BATCH + 6
    moved = paths_of(core)
    assert ids < set(moved.values())
    assert {path.partition("/")[0] for path in moved} == {"moved", "big2"}
    assert in_folder(core) == ["big2/", "moved/"]
    assert "moved/empty/" in in_folder(core, "moved", limit=100)
    call(core, "folders.move", owner="ann", path="big2", to="big")


def test_files_are_counted_in_bounded_steps_and_not_without_end(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(core, "big", BATCH + 1)
    monkeypatch.setattr(steps, "COUNT_PAGE", 10)
    for most, total, number in ((BATCH + 1, BATCH + 1, 3), (BATCH, None, 3), (39, None, 1)):
        monkeypatch.setattr(steps, "MOST_COUNTED", most)
        job = find_job(core, call(core, "folders.remove", owner="ann", path="big")["job_id"])
        for _ in range(number):
            assert job is not None
            assert (job.stage, job.total) == (Stage.COUNT, None)
            # A worker that died before it stored the count counts again.
            run_step(core, job)
            job = run_step(core, job)
        assert job is not None
        assert (job.stage, job.total) == (Stage.FILES, total)
        call(core, "jobs.cancel", job_id=job.job_id)
    small = call(core, "folders.create", owner="ann", path="small")
    assert small["created"]
    file_at(core, "small/a")
    assert call(core, "folders.remove", owner="ann", path="small")["total"] == 1


def test_a_job_that_is_cancelled_leaves_what_it_did(core: Core) -> None:
    fill(core, "big", BATCH + 50)
    job = call(core, "folders.remove", owner="ann", path="big")
    found = find_job(core, job["job_id"])
    assert found is not None
    # A step that is under way while the job is cancelled ends it.
    found = run_step(core, found)
    run_step(core, found)
    assert refusal(core, "jobs.cancel", job_id=job["job_id"], actor="bob").code == "not_found"
    assert call(core, "jobs.cancel", job_id=job["job_id"], actor="ann")["state"] == "cancelled"
    assert run_step(core, found).state == "cancelled"
    run_jobs_of_nobody(core)
    page = call(core, "files.list", owner="ann", trashed=True, with_total=True)
    assert page["total"] in (BATCH, BATCH + 50)
    assert len(paths_of(core)) == BATCH + 50 - page["total"]
    assert call(core, "jobs.cancel", job_id=job["job_id"])["state"] == "cancelled"


def run_jobs_of_nobody(core: Core) -> None:
    """A worker finds nothing to do."""
    before = paths_of(core)
    run_jobs(core, steps=1)
    assert paths_of(core) == before


def test_what_leaves_a_folder_while_it_is_moved_has_left_it(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = {path: file_at(core, path) for path in ("a/1", "a/2", "a/3")}
    real = core.metadata.save
    done: list[FileRecord] = []

    def save(record: FileRecord, **named: object) -> FileRecord:
        if not done:
            done.append(record)
            # Just before the first file of the job is saved.
            call(core, "files.move", file_id=ids["a/2"], path="out/2")
            call(core, "files.update", file_id=ids["a/3"], changes={"name": "renamed"})
        return real(record, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(core.metadata, "save", save)
    call(core, "folders.move", owner="ann", path="a", to="b")
    assert paths_of(core) == {"b/1": ids["a/1"], "out/2": ids["a/2"], "b/renamed": ids["a/3"]}


def test_a_folder_is_trashed_as_one_and_its_files_can_come_back_alone(core: Core) -> None:
    alone, other = file_at(core, "a/b/x"), file_at(core, "a/y")
    call(core, "folders.remove", owner="ann", path="a")
    assert trashed_paths(core) == ["a/b/x", "a/y"]
    assert call(core, "files.restore", file_id=alone)["path"] == "a/b/x"
    [entry] = call(core, "folders.trashed", owner="ann")["folders"]
    job = call(core, "folders.restore", owner="ann", **entry)
    # The folder is there again, with the file that came back alone.
    assert (job["target"], job["done"]) == ("a (restored)", 1)
    assert paths_of(core) == {"a/b/x": alone, "a (restored)/y": other}
