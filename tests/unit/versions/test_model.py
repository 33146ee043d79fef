"""Random uploads, rollbacks, labels, removals and time, beside a model that knows what must be there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from files_service.core import Core
from files_service.services.opening import open_core
from storage_adapters import ListQuery, Tally
from tests.adapters import couchdb_servers
from tests.clocks import Clock
from tests.contract.consistency import recomputed_usage
from tests.contract.metadata_scenes import walk
from tests.cores import call, forget_looks, memory_core, processed_file, settings_for, sqlite_core
from tests.unit.versions.scenes import (
    DAY,
    bring_to_rest,
    chunked_version,
    contents,
    named_keys,
    new_version,
    processed_upload,
    stored_keys,
    version_ids,
)

MOST, KEPT, DAYS = 4, 2, 10
# Few contents, so that chunks are shared; those of more than a chunk have several.
CONTENTS = [b"a", b"bb", b"ab" * 700, b"ab" * 600 + b"c", b"d" * 1024]


@dataclass
class Version:
    data: bytes
    shared: int
    made_at: int
    label: str | None = None


@dataclass
class Model:
    """The versions of one file, oldest first; ``shared`` tells those of the same bytes apart from equal ones."""

    versions: list[Version]
    uploads: int = 0

    def add(self, data: bytes, now: int, *, label: str | None = None, shared: int | None = None) -> None:
        self.uploads += 1
        self.versions.append(Version(data, self.uploads if shared is None else shared, now, label))
        self.prune(now)

    def prune(self, now: int) -> None:
        former, current = self.versions[:-1], self.versions[-1]
        replaced = [(each, after.made_at) for each, after in pairwise(self.versions)]
        old = replaced[: max(0, len(former) - KEPT)]
        gone = [each for each, at in old if each.label is None and at + DAYS * DAY * 1000 <= now]
        former = [each for each in former if not any(each is one for one in gone)]
        while len(former) > MOST and any(each.label is None for each in former):
            former.remove(next(each for each in former if each.label is None))
        self.versions = [*former, current]


@dataclass
class Play:
    core: Core
    clock: Clock
    file_id: str
    model: Model

    def act(self, step: tuple[str, int, int]) -> None:
        kind, which, what = step
        data = CONTENTS[what % len(CONTENTS)]
        index = which % len(self.model.versions)
        version_id = version_ids(self.core, self.file_id)[index]
        chosen, last = self.model.versions[index], index == len(self.model.versions) - 1
        self.clock.pass_seconds(1)
        match kind:
            case "small":
                new_version(self.core, self.file_id, data)
                self.model.add(data, self.clock())
            case "chunked":
                upload = chunked_version(self.core, self.file_id, data)
                call(self.core, "files.process", file_id=upload)
                self.model.add(data, self.clock())
            case "swept":
                processed_upload(self.core, self.file_id, data, label="kept" if self._may_label() else None)
                label = "kept" if self._may_label() else None
                call(self.core, "files.sync")
                self.model.add(data, self.clock(), label=label)
            case "restore":
                call(self.core, "versions.restore", file_id=self.file_id, version_id=version_id)
                if chosen.shared != self.model.versions[-1].shared:
                    self.model.add(chosen.data, self.clock(), shared=chosen.shared)
                else:
                    self.model.prune(self.clock())
            case "label" if chosen.label is not None or self._may_label():
                call(self.core, "versions.label", file_id=self.file_id, version_id=version_id, label="l")
                chosen.label = "l"
            case "unlabel":
                call(self.core, "versions.label", file_id=self.file_id, version_id=version_id, label=None)
                chosen.label = None
                self.model.prune(self.clock())
            case "remove" if not last:
                call(self.core, "versions.remove", file_id=self.file_id, version_id=version_id)
                self.model.versions = [each for each in self.model.versions if each is not chosen]
            case "days":
                self.clock.pass_seconds(what * DAY)
                forget_looks(self.core)
                bring_to_rest(self.core, self.clock)
                self.model.prune(self.clock())

    def _may_label(self) -> bool:
        return sum(each.label is not None for each in self.model.versions) < MOST

    def check(self) -> None:
        assert contents(self.core, self.file_id) == [each.data for each in self.model.versions]
        shown = call(self.core, "versions.list", file_id=self.file_id)["versions"][::-1]
        assert [each["label"] for each in shown] == [each.label for each in self.model.versions]
        usage = self.core.metadata.usage("ann")
        *former, current = self.model.versions
        assert usage.total == Tally(files=1, bytes=len(current.data))
        assert usage.versions == Tally(files=len(former), bytes=sum(len(each.data) for each in former))

    def end(self) -> None:
        """After a while, what is stored is what is named; after the removal of the file, nothing."""
        bring_to_rest(self.core, self.clock, days=30)
        self.model.prune(self.clock())
        self.check()
        assert stored_keys(self.core) == named_keys(self.core)
        records = walk(self.core.metadata, ListQuery(section=None, limit=100))
        assert self.core.metadata.usage(None) == recomputed_usage(records)
        call(self.core, "files.remove", file_id=self.file_id)
        bring_to_rest(self.core, self.clock, days=30)
        assert stored_keys(self.core) == set()
        assert self.core.metadata.usage(None).bytes == 0


LIMITS: dict[str, Any] = {
    "max_versions": MOST,
    "kept_versions": KEPT,
    "kept_versions_days": DAYS,
    "chunk_bytes": 1024,
    "inventory_interval_seconds": 0,
}

KINDS = ("small", "chunked", "swept", "restore", "label", "unlabel", "remove", "days")
STEPS = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 9), st.integers(0, 9)), max_size=14)


@pytest.mark.parametrize(
    ("make_core", "examples"),
    [(memory_core, 25), (sqlite_core, 3)],
)
def test_versions_are_those_of_the_model_and_no_byte_is_lost_or_left(
    make_core: Callable[..., Core], examples: int
) -> None:
    @settings(max_examples=examples, deadline=None)
    @given(STEPS)
    def test(steps: list[tuple[str, int, int]]) -> None:
        clock = Clock()
        with TemporaryDirectory() as folder:
            core = replace(make_core(Path(folder), **LIMITS), clock=clock, timer=clock)
            try:
                file_id = processed_file(core, b"first")["file_id"]
                play = Play(core, clock, file_id, Model([Version(b"first", 0, 0)]))
                for step in steps:
                    play.act(step)
                    play.check()
                play.end()
            finally:
                core.close()

    test()


STORY = [
    *[("small", 0, 1), ("chunked", 0, 2), ("label", 0, 0), ("swept", 0, 3), ("restore", 1, 0), ("chunked", 0, 3)],
    *[("days", 0, 9), ("remove", 1, 0), ("small", 0, 4), ("days", 0, 9), ("unlabel", 0, 0), ("restore", 0, 0)],
]


@pytest.mark.parametrize("kind", ["redis", "couchdb"])
def test_one_story_on_every_server(request: pytest.FixtureRequest, tmp_path: Path, kind: str) -> None:
    url = request.getfixturevalue(f"{kind}_url")
    if kind == "couchdb":
        with couchdb_servers.opened(url):
            pass
    clock = Clock()
    opened = open_core(settings_for(tmp_path, FILES_METADATA_URL=url, FILES_BLOBS_URL="memory://"))
    settings_of_model = replace(opened.settings, **LIMITS)
    core = replace(opened, settings=settings_of_model, clock=clock, timer=clock)
    try:
        file_id = processed_file(core, b"first")["file_id"]
        play = Play(core, clock, file_id, Model([Version(b"first", 0, 0)]))
        for step in STORY:
            play.act(step)
            play.check()
        play.end()
    finally:
        core.close()
