"""Jobs whose process dies at each of its store calls: what is left is continued, and nothing is lost or doubled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from files_service.core import Core
from files_service.services.opening import open_lists
from storage_adapters import JSON
from tests.cores import call, memory_core
from tests.unit.killable import KillableStore, Killed
from tests.unit.places.scenes import file_at, in_folder, paths_of, run_jobs, trashed_paths


def scene(data_dir: Path) -> tuple[Core, KillableStore, dict[str, str]]:
    """A folder with files, one of which has no room at the target, and folders in which there is nothing."""
    base, store = memory_core(data_dir), KillableStore()
    core = replace(base, metadata=store, lists=open_lists(base.settings, store))
    for path in ("a/1", "a/2.t", "a/b/3", "t/2.t", "a2/x"):
        file_at(core, path)
    for path in ("a/empty/deep", "a/b"):
        call(core, "folders.create", owner="ann", path=path)
    return core, store, paths_of(core)


def move(core: Core) -> JSON:
    """Move the folder into one that is there."""
    return call(core, "folders.move", owner="ann", path="a", to="t", on_conflict="merge", request_id="r")


def trash(core: Core) -> JSON:
    """Trash the folder."""
    return call(core, "folders.remove", owner="ann", path="a", request_id="r")


def killed_at_each_call(
    data_dir: Path, prepare: Callable[[Core], object], act: Callable[[Core], JSON]
) -> list[tuple[Core, dict[str, str]]]:
    """The state after each death, once a worker and the repeated call have ended the work."""
    ended: list[tuple[Core, dict[str, str]]] = []
    for number in range(1, 1_000):
        core, store, before = scene(data_dir)
        prepare(core)
        store.left = number
        try:
            act(core)
        except Killed:
            store.left = -1
        else:
            store.left = -1
            assert number > 40, "it makes more calls than that"
            return ended
        run_jobs(core)
        assert act(core)["state"] == "done"
        ended.append((core, before))
    raise AssertionError("it makes calls without end")


def test_a_move_is_whole_after_a_death_at_any_call(tmp_path: Path) -> None:
    for core, before in killed_at_each_call(tmp_path, lambda _: None, move):
        moved = {"t/1": "a/1", "t/2 (2).t": "a/2.t", "t/b/3": "a/b/3", "t/2.t": "t/2.t", "a2/x": "a2/x"}
        assert paths_of(core) == {path: before[former] for path, former in moved.items()}
        assert in_folder(core, "t") == ["t/1", "t/2 (2).t", "t/2.t", "t/b/", "t/empty/"]
        assert in_folder(core, "t/empty") == ["t/empty/deep/"]
        assert in_folder(core) == ["a2/", "t/"]


def test_a_folder_in_the_trash_is_whole_after_a_death_at_any_call(tmp_path: Path) -> None:
    for core, before in killed_at_each_call(tmp_path, lambda _: None, trash):
        assert set(paths_of(core)) == {"t/2.t", "a2/x"}
        assert trashed_paths(core) == ["a/1", "a/2.t", "a/b/3"]
        assert in_folder(core) == ["a2/", "t/"]
        [entry] = call(core, "folders.trashed", owner="ann")["folders"]
        call(core, "folders.restore", owner="ann", **entry)
        assert paths_of(core) == before
        assert in_folder(core, "a") == ["a/1", "a/2.t", "a/b/", "a/empty/"]


def test_a_restored_folder_is_whole_after_a_death_at_any_call(tmp_path: Path) -> None:
    found: list[int] = []

    def restore(core: Core) -> JSON:
        # A repeated call names the same deletion, which is in the trash no more.
        found.extend(each["trashed_at"] for each in call(core, "folders.trashed", owner="ann")["folders"])
        return call(core, "folders.restore", owner="ann", path="a", trashed_at=found[-1], request_id="r2")

    for core, before in killed_at_each_call(tmp_path, trash, restore):
        assert paths_of(core) == before
        assert trashed_paths(core) == []
        assert call(core, "folders.trashed", owner="ann")["folders"] == []
        assert in_folder(core, "a/empty") == ["a/empty/deep/"]


@pytest.mark.parametrize("act", [move, trash])
def test_a_step_that_two_processes_do_at_once_is_done_once(
    tmp_path: Path, act: Callable[[Core], JSON], monkeypatch: pytest.MonkeyPatch
) -> None:
    core, store, before = scene(tmp_path)
    real = store.save
    busy: list[bool] = []

    def save(*given: Any, **named: Any) -> Any:
        if not busy:
            busy.append(True)
            # Before each file that the call saves, a worker does the whole step.
            run_jobs(core)
            busy.clear()
        return real(*given, **named)

    monkeypatch.setattr(store, "save", save)
    assert act(core)["state"] == "done"
    monkeypatch.undo()
    assert sorted([*paths_of(core), *trashed_paths(core)]) == sorted(
        ["t/1", "t/2 (2).t", "t/b/3", "t/2.t", "a2/x"] if act is move else before
    )
