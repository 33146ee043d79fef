"""Random uploads, moves, versions, rollbacks, trash and links together, compared with a model in dicts.

In the end, every byte that is stored is named by a record, and every other one is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from files_service.core import Core
from files_service.domain.paths import ancestors_of, name_of, numbered, prefix_of, rebased, renamed, restored
from files_service.errors import FilesError, Gone
from files_service.services.opening import open_core
from files_service.services.shares.gate import Visit, open_share
from files_service.services.shares.items import files_of
from files_service.services.shares.share import find_share
from storage_adapters import ListQuery
from storage_adapters.metadata.memory.store import MemoryMetadataStore
from storage_adapters.metadata.sqlite.store import SqliteMetadataStore
from tests.adapters import couchdb_servers
from tests.clocks import Clock
from tests.contract.consistency import recomputed_usage
from tests.contract.metadata_scenes import walk
from tests.cores import attempt, call, processed_file, settings_for
from tests.scale import NIGHTLY
from tests.unit.places.scenes import in_folder, paths_of
from tests.unit.versions.scenes import (
    bring_to_rest,
    contents,
    named_keys,
    new_version,
    read,
    stored_keys,
    version_ids,
)

NAMES = ("x.t", "y")
FOLDERS = ("a", "a/b", "ab", "c")
_OWNERS = count()
Form = Callable[..., str]


@dataclass
class Model:
    """Files by path, files in the trash by id, folders that were made, and those that were trashed as one."""

    live: dict[str, str] = field(default_factory=dict)
    trash: dict[str, tuple[str, int]] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)
    entries: dict[tuple[str, int], set[str]] = field(default_factory=dict)
    # Of each file its contents, oldest first, by the number of the upload: a rollback brings the same one again.
    contents: dict[str, list[int]] = field(default_factory=dict)
    # Of each link its file, and the version and content that it stays at, None for the present one.
    links: dict[str, tuple[str, tuple[str, int] | None]] = field(default_factory=dict)
    # Ids of versions that were removed.
    gone: set[str] = field(default_factory=set)

    def free(self, path: str, form: Form, file_id: str = "") -> str:
        return next(each for number in count(1) if self.live.get(each := form(path, number), file_id) == file_id)

    def folders(self) -> set[str]:
        return {folder for path in self.live for folder in ancestors_of(path)} | self.made

    def free_folder(self, path: str, form: Form) -> str:
        return next(f for number in count(1) if (f := form(path, number, is_folder=True)) not in self.folders())

    def make(self, folder: str) -> None:
        self.made |= {*ancestors_of(folder), folder}

    def place(self, file_id: str, path: str, form: Form = numbered) -> None:
        former = [each for each, held in self.live.items() if held == file_id]
        free = self.free(path, form, file_id)
        for each in former:
            del self.live[each]
        self.live[free] = file_id

    def below(self, folder: str) -> list[str]:
        return sorted(path for path in self.live if path.startswith(prefix_of(folder)))

    def made_below(self, folder: str) -> set[str]:
        return {each for each in self.made if f"{each}/".startswith(f"{folder}/")}

    def move_folder(self, source: str, target: str) -> None:
        for path in self.below(source):
            self.place(self.live[path], rebased(path, source, target))
        taken = self.made_below(source)
        self.made -= taken
        for each in {*taken, source}:
            self.make(target if each == source else rebased(each, source, target))

    def trash_folder(self, source: str, trashed_at: int) -> None:
        for path in self.below(source):
            self.trash[self.live.pop(path)] = (path, trashed_at)
        self.entries[source, trashed_at] = taken = self.made_below(source)
        self.made -= taken

    def restore_folder(self, source: str, trashed_at: int) -> None:
        target = self.free_folder(source, restored)
        mine = [(path, file_id) for file_id, (path, at) in self.trash.items() if at == trashed_at]
        for path, file_id in sorted(mine):
            del self.trash[file_id]
            self.place(file_id, rebased(path, source, target), restored)
        for each in self.entries.pop((source, trashed_at)):
            self.make(target if each == source else rebased(each, source, target))


class Play:
    """One owner's files in the service and in the model; each step does the same to both."""

    def __init__(self, core: Core) -> None:
        self.core, self.model, self.owner = core, Model(), f"owner {next(_OWNERS)}"
        self.uploads = 0

    def call(self, method: str, **params: Any) -> Any:
        return call(self.core, method, **params)

    def pick(self, ids: dict[Any, Any], number: int) -> Any:
        return sorted(ids)[number % len(ids)] if ids else None

    def upload(self, folder: str, name: str, number: int) -> None:
        path = f"{folder}/{name}" if number else name
        self.uploads += 1
        data = data_of(self.uploads)
        file_id: str = processed_file(self.core, data, owner=self.owner, name=name)["file_id"]
        self.model.contents[file_id] = [self.uploads]
        self.move_to(file_id, path)

    def move_to(self, file_id: str, path: str) -> None:
        self.model.place(file_id, path)
        shown = self.call("files.move", file_id=file_id, path=path)["path"]
        assert self.model.live[shown] == file_id

    def move(self, folder: str, name: str, number: int) -> None:
        if (path := self.pick(self.model.live, number)) is not None:
            self.move_to(self.model.live[path], f"{folder}/{name}")

    def rename(self, folder: str, name: str, number: int) -> None:
        if (path := self.pick(self.model.live, number)) is None:
            return
        file_id, wanted = self.model.live[path], renamed(path, name)
        result = attempt(self.core, "files.update", file_id=file_id, changes={"name": name})
        if isinstance(result, FilesError):
            assert (result.code, self.model.live[wanted] != file_id) == ("path_taken", True)
        else:
            self.model.place(file_id, wanted)

    def trash(self, folder: str, name: str, number: int) -> None:
        if (path := self.pick(self.model.live, number)) is not None:
            file_id = self.model.live.pop(path)
            self.model.trash[file_id] = (path, self.call("files.trash", file_id=file_id)["trashed_at"])

    def restore(self, folder: str, name: str, number: int) -> None:
        if (file_id := self.pick(self.model.trash, number)) is not None:
            path, _ = self.model.trash.pop(file_id)
            self.model.place(file_id, path, restored)
            assert self.model.live[self.call("files.restore", file_id=file_id)["path"]] == file_id

    def remove(self, folder: str, name: str, number: int) -> None:
        if (file_id := self.pick(self.model.trash, number)) is not None:
            self.call("files.remove", file_id=file_id, only_trashed=True)
            del self.model.trash[file_id], self.model.contents[file_id]

    def version(self, folder: str, name: str, number: int) -> None:
        if (path := self.pick(self.model.live, number)) is not None:
            self.uploads += 1
            new_version(self.core, self.model.live[path], data_of(self.uploads), owner=self.owner)
            self.model.contents[self.model.live[path]].append(self.uploads)

    def rollback(self, folder: str, name: str, number: int) -> None:
        if (path := self.pick(self.model.live, number)) is None:
            return
        file_id, index = self.model.live[path], number % len(self.model.contents[self.model.live[path]])
        self.call("versions.restore", file_id=file_id, version_id=version_ids(self.core, file_id)[index])
        contents_, wanted = self.model.contents[file_id], self.model.contents[file_id][index]
        contents_ += [wanted] if wanted != contents_[-1] else []

    def remove_version(self, folder: str, name: str, number: int) -> None:
        if (path := self.pick(self.model.live, number)) is None:
            return
        file_id = self.model.live[path]
        ids, numbers = version_ids(self.core, file_id), self.model.contents[file_id]
        index = number % len(ids)
        result = attempt(self.core, "versions.remove", file_id=file_id, version_id=ids[index])
        if index == len(ids) - 1:
            assert isinstance(result, FilesError)
        else:
            self.model.gone.add(ids[index])
            del numbers[index]

    def share(self, folder: str, name: str, number: int) -> None:
        if (path := self.pick(self.model.live, number)) is None:
            return
        file_id, index, is_pinned = self.model.live[path], number % 3, number % 2
        ids = version_ids(self.core, file_id)
        index %= len(ids)
        pinned = (ids[index], self.model.contents[file_id][index]) if is_pinned else None
        versions = {file_id: ids[index]} if is_pinned else {}
        made = self.call("shares.create", owner=self.owner, items=[file_id], versions=versions)
        self.model.links[made["share_id"]] = (file_id, pinned)

    def revoke(self, folder: str, name: str, number: int) -> None:
        if (share_id := self.pick(self.model.links, number)) is not None:
            self.call("shares.revoke", share_id=share_id)
            del self.model.links[share_id]
            assert self.shown(share_id) is None

    def shown(self, share_id: str) -> bytes | None:
        """The bytes that visitors of a link get, None where it does not open."""
        share = find_share(self.core, share_id)
        assert share is not None
        try:
            opened = open_share(self.core, share.key, Visit())
            [record] = files_of(self.core, opened.share)
        except Gone:
            return None
        return b"".join(read(self.core, part) for part in record.parts)

    def make(self, folder: str, name: str, number: int) -> None:
        self.call("folders.create", owner=self.owner, path=folder)
        self.model.make(folder)

    def move_folder(self, folder: str, name: str, number: int) -> None:
        target, on_conflict = FOLDERS[number % len(FOLDERS)], ("rename", "merge")[number % 2]
        params = {"owner": self.owner, "path": folder, "to": target, "on_conflict": on_conflict}
        job = attempt(self.core, "folders.move", **params)
        if isinstance(job, FilesError):
            overlaps = f"{target}/".startswith(f"{folder}/") or f"{folder}/".startswith(f"{target}/")
            assert job.code == ("bad_request" if overlaps else "not_found")
            assert overlaps or folder not in self.model.folders()
            return
        assert job["state"] == "done"
        expected = target if on_conflict == "merge" else self.model.free_folder(target, numbered)
        assert job["target"] == expected
        self.model.move_folder(folder, expected)

    def trash_folder(self, folder: str, name: str, number: int) -> None:
        job = attempt(self.core, "folders.remove", owner=self.owner, path=folder)
        if isinstance(job, FilesError):
            assert (job.code, folder in self.model.folders()) == ("not_found", False)
            return
        assert job["state"] == "done"
        newest = self.call("folders.trashed", owner=self.owner)["folders"][0]
        self.model.trash_folder(folder, newest["trashed_at"])

    def restore_folder(self, folder: str, name: str, number: int) -> None:
        if (entry := self.pick(self.model.entries, number)) is not None:
            self.call("folders.restore", owner=self.owner, path=entry[0], trashed_at=entry[1])
            self.model.restore_folder(*entry)

    def check(self) -> None:
        assert paths_of(self.core, self.owner) == self.model.live
        in_trash = self.call("files.list", owner=self.owner, trashed=True, limit=100)["files"]
        assert {each["file_id"]: (each["path"], each["trashed_at"]) for each in in_trash} == self.model.trash
        for file_id, numbers in self.model.contents.items():
            assert contents(self.core, file_id) == [data_of(number) for number in numbers]
        for share_id, (file_id, pinned) in self.model.links.items():
            wanted = self.model.contents[file_id][-1] if file_id in self.model.live.values() else None
            if wanted is not None and pinned is not None:
                wanted = None if pinned[0] in self.model.gone else pinned[1]
            assert self.shown(share_id) == (None if wanted is None else data_of(wanted))
        folders = self.model.folders()
        for folder in {"", *folders}:
            prefix = prefix_of(folder)
            rows = [path for path in self.model.live if prefix + name_of(path) == path]
            rows += [f"{path}/" for path in folders if prefix + name_of(path) == path]
            assert in_folder(self.core, folder, self.owner, limit=3) == sorted(rows)


def data_of(number: int) -> bytes:
    """The bytes of an upload."""
    return b"%d " % number * number


ACTIONS = (
    "upload",
    "version",
    "rollback",
    "remove_version",
    "share",
    "revoke",
    "move",
    "rename",
    "trash",
    "restore",
    "remove",
    "make",
    "move_folder",
    "trash_folder",
    "restore_folder",
)
STEPS = st.tuples(
    st.sampled_from(ACTIONS),
    st.sampled_from(FOLDERS),
    st.sampled_from(NAMES),
    st.integers(0, 7),
)


class Ticking(Clock):
    """A clock that never shows a time twice."""

    def __call__(self) -> int:
        self.now += 1
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Ticking()


@pytest.fixture(params=["memory", "sqlite", "redis", "couchdb"])
def core(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Core]:
    """A core on each store, at the time of the clock."""
    kind = request.param
    url = {"memory": "memory://", "sqlite": ""}.get(kind)
    if url is None:
        url = request.getfixturevalue(f"{kind}_url")
        if kind == "couchdb":
            with couchdb_servers.opened(url):
                pass
    opened = open_core(settings_for(tmp_path, FILES_METADATA_URL=url, FILES_BLOBS_URL="memory://"))
    yield replace(opened, clock=clock, timer=clock)
    opened.close()


def examples_of(core: Core) -> int:
    """Fewer where each call goes to a server, but for a nightly run."""
    is_embedded = isinstance(core.metadata, MemoryMetadataStore | SqliteMetadataStore)
    return 800 if NIGHTLY else 20 if is_embedded else 4


def test_the_service_does_what_the_model_does(core: Core, clock: Clock) -> None:
    @settings(max_examples=examples_of(core), deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(steps=st.lists(STEPS, min_size=4, max_size=14))
    def check(steps: list[tuple[str, str, str, int]]) -> None:
        compare(core, steps)

    check()
    # Longer than anything stays in the trash.
    bring_to_rest(core, clock, days=60)
    assert stored_keys(core) == named_keys(core)
    records = walk(core.metadata, ListQuery(section=None, limit=100))
    assert core.metadata.usage(None) == recomputed_usage(records)


def compare(core: Core, steps: list[tuple[str, str, str, int]]) -> None:
    """Do the steps to the service and to the model."""
    play = Play(core)
    for number, name in enumerate(NAMES):
        play.upload("a", name, number)
    for method, *given_ in steps:
        getattr(play, method)(*given_)
    play.check()
