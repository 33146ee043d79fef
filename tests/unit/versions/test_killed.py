"""A process dies between any two writes; after a new one has come to rest, no version is halfway, lost or left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from files_service.core import Core
from storage_adapters import ListQuery
from tests.clocks import Clock
from tests.contract.consistency import recomputed_usage
from tests.contract.metadata_scenes import walk
from tests.cores import call, memory_core, processed_file
from tests.unit.fused import Fuse, fused
from tests.unit.killable import Killed
from tests.unit.versions.scenes import (
    bring_to_rest,
    chunked_version,
    contents,
    named_keys,
    new_version,
    processed_upload,
    stored_keys,
    uploaded_version,
    version_ids,
)

CHUNKS = b"chunk" * 500


@dataclass(frozen=True)
class Scene:
    """Something that is prepared and then done; ``ends`` are the contents that a file may have afterwards."""

    name: str
    act: Callable[[Core, str, Any], object]
    ends: tuple[tuple[bytes, ...], ...]
    prepare: Callable[[Core, str], Any] = lambda core, file_id: None


def _upload(core: Core, file_id: str) -> str:
    return str(uploaded_version(core, file_id, b"three")["file_id"])


def _five(core: Core, file_id: str) -> str:
    """A file that is full: the next version drives one out."""
    for data in (b"three", b"four", b"five"):
        new_version(core, file_id, data)
    return _upload(core, file_id)


def _process(core: Core, file_id: str, upload_id: str) -> None:
    call(core, "files.process", file_id=upload_id)


ONE, TWO = b"one", CHUNKS
SCENES = (
    Scene("small", lambda core, file_id, _: new_version(core, file_id, b"three"), ((ONE, TWO), (ONE, TWO, b"three"))),
    Scene(
        "chunked",
        lambda core, file_id, _: call(core, "files.process", file_id=chunked_version(core, file_id, CHUNKS[::-1])),
        ((ONE, TWO), (ONE, TWO, CHUNKS[::-1])),
    ),
    Scene("absorbed", _process, ((ONE, TWO, b"three"),), _upload),
    Scene(
        "swept",
        lambda core, file_id, _: call(core, "files.sync"),
        ((ONE, TWO, b"three"),),
        lambda core, file_id: processed_upload(core, file_id, b"three"),
    ),
    Scene("driven out", _process, ((TWO, b"three", b"four", b"five", b"three"),), _five),
    Scene(
        "restored",
        lambda core, file_id, _: call(core, "versions.restore", file_id=file_id, version_id=file_id),
        ((ONE, TWO), (ONE, TWO, ONE)),
    ),
    Scene(
        "version removed",
        lambda core, file_id, _: call(core, "versions.remove", file_id=file_id, version_id=file_id),
        ((ONE, TWO), (TWO,)),
    ),
    Scene(
        "chunked version removed",
        lambda core, file_id, version_id: call(core, "versions.remove", file_id=file_id, version_id=version_id),
        ((ONE, TWO, b"three"), (ONE, b"three")),
        lambda core, file_id: (version_ids(core, file_id)[1], new_version(core, file_id, b"three"))[0],
    ),
    Scene(
        "one of two of the same bytes removed",
        lambda core, file_id, _: call(core, "versions.remove", file_id=file_id, version_id=file_id),
        ((ONE, TWO, ONE), (TWO, ONE)),
        lambda core, file_id: call(core, "versions.restore", file_id=file_id, version_id=file_id),
    ),
    Scene(
        "upload removed",
        lambda core, file_id, upload_id: call(core, "files.remove", file_id=upload_id),
        ((ONE, TWO), (ONE, TWO, b"three")),
        _upload,
    ),
    Scene("file removed", lambda core, file_id, _: call(core, "files.remove", file_id=file_id), ((ONE, TWO), ())),
)


@contextmanager
def staged(scene: Scene, clock: Clock) -> Iterator[tuple[Core, str, Any]]:
    """A file of a version of one blob and one of chunks, and what the scene prepares."""
    # Without the scan for orphans, which would find what the other ways forget.
    limits = {
        "max_versions": 4,
        "kept_versions": 2,
        "kept_versions_days": 365,
        "chunk_bytes": 1024,
        "inventory_interval_seconds": 0,
    }
    with TemporaryDirectory() as folder:
        opened = memory_core(Path(folder), **limits, owner_quota_bytes=10**9)
        core = replace(opened, clock=clock, timer=clock)
        try:
            file_id = str(processed_file(core, ONE)["file_id"])
            call(core, "files.process", file_id=chunked_version(core, file_id, TWO))
            yield core, file_id, scene.prepare(core, file_id)
        finally:
            core.close()


def _is_removed(core: Core, file_id: str) -> bool:
    return not any(each.file_id == file_id for each in walk(core.metadata, ListQuery(section=None, limit=100)))


def _assert_whole(scene: Scene, core: Core, clock: Clock, file_id: str) -> None:
    """Only the end of the scene, or its beginning, is seen; in a while, just what is named is stored."""
    bring_to_rest(core, clock)
    found = () if _is_removed(core, file_id) else tuple(contents(core, file_id))
    assert found in scene.ends
    bring_to_rest(core, clock, days=30)
    assert (() if _is_removed(core, file_id) else tuple(contents(core, file_id))) == found
    records = walk(core.metadata, ListQuery(section=None, limit=100))
    assert [record.file_id for record in records] == ([file_id] if found else [])
    assert stored_keys(core) == named_keys(core)
    assert core.metadata.usage(None) == recomputed_usage(records)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_a_process_may_die_between_any_two_writes(scene: Scene) -> None:
    whole = Fuse()
    clock = Clock()
    with staged(scene, clock) as (core, file_id, known):
        with fused(core, whole):
            scene.act(core, file_id, known)
        _assert_whole(scene, core, clock, file_id)
    assert whole.writes
    for last in range(1, whole.writes + 1):
        clock = Clock()
        with staged(scene, clock) as (core, file_id, known):
            with fused(core, Fuse(last)), pytest.raises(Killed):
                scene.act(core, file_id, known)
            _assert_whole(scene, core, clock, file_id)


def test_the_sweep_may_die_between_any_two_writes() -> None:
    """It prunes, deletes blobs and forgets them, and is begun again after each write."""
    scene = Scene("swept", lambda core, file_id, _: None, ((TWO, b"three", b"four", b"five", b"six"),))
    clock = Clock()
    with staged(scene, clock) as (core, file_id, _):
        for data in (b"three", b"four", b"five", b"six"):
            new_version(core, file_id, data)
        for days in (0, 30):
            for last in range(1, 200):
                try:
                    with fused(core, Fuse(last)):
                        bring_to_rest(core, clock, days=days)
                    break
                except Killed:
                    clock.pass_seconds(120)
        _assert_whole(scene, core, clock, file_id)
