"""A service over two disks, and the command that fills the second one."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from files_service.api.sync import encode_cursor
from files_service.config import BadSettings
from files_service.core import Core
from files_service.domain.sizes import number_of
from files_service.domain.uploads import part_key
from files_service.services import content
from files_service.services.opening import open_core
from files_service.services.reconcile import Cursor, Stage
from storage_adapters import StorageUnavailable, SupportsCopies, UnknownStore
from storage_adapters.blobs.mirrored import MirroredBlobStore
from tests.adapters.local_disk import on_two_disks, unreadable
from tests.cores import call, processed_file, settings_for
from tests.unit.cards.scenes import brought, copied, verified
from tests.unit.cli.running import run
from tests.unit.lost_bytes import Damage, chunked_file, cut, remove, rot, scrub
from tests.unit.test_encryption import ring_text


def env(tmp_path: Path, **more: str) -> dict[str, str]:
    return {"FILES_DATA_DIR": str(tmp_path / "data"), "FILES_MIRROR_URL": f"file://{tmp_path}/second", **more}


@pytest.mark.parametrize("keys", ["", ring_text("a")], ids=["plain", "encrypted"])
def test_a_file_outlives_either_disk(tmp_path: Path, keys: str) -> None:
    settings = settings_for(tmp_path / "data", FILES_MIRROR_URL=f"file://{tmp_path}/second", FILES_ENCRYPTION_KEYS=keys)
    core = open_core(settings)
    record = processed_file(core, b"a sentence " * 1_000)
    part = core.metadata.get(record["file_id"]).parts[0]
    for lost in (tmp_path / "data" / "blobs", tmp_path / "second"):
        shutil.rmtree(lost / "blobs")
        assert b"".join(content.read(core, part)) == b"a sentence " * 1_000
        result = run(env(tmp_path, FILES_ENCRYPTION_KEYS=keys), "mirror")
        assert (result.exit_code, result.stdout) == (0, "mirrored: 1 blob, 1 copy made\n")
    core.close()


def test_a_new_mirror_is_filled_and_a_run_can_be_continued(tmp_path: Path) -> None:
    core = open_core(settings_for(tmp_path / "data"))
    for number in range(3):
        processed_file(core, b"x" * (number + 1))
    core.close()
    refused = run({"FILES_DATA_DIR": str(tmp_path / "data")}, "mirror")
    assert (refused.exit_code, "FILES_MIRROR_URL is empty" in refused.stderr) == (1, True)
    filled = run(env(tmp_path), "mirror")
    assert filled.stdout == "mirrored: 3 blobs, 3 copies made\n"
    last = filled.stderr.split()[-1]
    assert run(env(tmp_path), "mirror", "--start", last).stdout == "mirrored: 0 blobs, 0 copies made\n"
    assert run(env(tmp_path), "mirror").stdout == "mirrored: 3 blobs, 0 copies made\n"


def test_a_scrub_of_both_copies_shows_no_total_that_it_would_pass(tmp_path: Path) -> None:
    core = open_core(settings_for(tmp_path / "data", FILES_MIRROR_URL=f"file://{tmp_path}/second"))
    processed_file(core, b"x" * 1_000_000)
    core.close()
    result = run(env(tmp_path), "scrub")
    assert (result.exit_code, result.stdout) == (0, "1 file read, 0 parts lost\n")
    # Both copies, and the cost of opening them.
    assert re.search(r" [2-4]\.\d MB", result.stderr)
    assert not re.search(r"\d/\d", result.stderr)


@pytest.mark.parametrize("done", [0, 1])
def test_a_run_that_fails_names_the_place_behind_which_nothing_was_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, done: int
) -> None:
    with closing(open_core(settings_for(tmp_path / "data"))) as core:
        for number in range(3):
            processed_file(core, b"x" * (number + 1))
    restore, asked = MirroredBlobStore.restore, []

    def fail(store: MirroredBlobStore, key: str) -> int:
        asked.append(key)
        if len(asked) > done:
            raise StorageUnavailable("the second disk fails")
        return restore(store, key)

    def fail_whole(_: MirroredBlobStore) -> None:
        raise StorageUnavailable("the second disk fails")

    with monkeypatch.context() as patched:
        patched.setattr(MirroredBlobStore, "restore", fail)
        patched.setattr(MirroredBlobStore, "ping", fail_whole)
        failed = run(env(tmp_path), "mirror")
    assert failed.exit_code == 1
    start = failed.stderr.rpartition("--start ")[2].strip().strip("'")
    again = run(env(tmp_path), "mirror", "--start", start).stdout
    assert again == f"mirrored: {number_of(3 - done, 'blob')}, {number_of(3 - done, 'copy')} made\n"


@pytest.mark.parametrize("place", ["data/blobs", "second"])
def test_a_copy_that_a_disk_cannot_describe_keeps_no_other_from_being_made(tmp_path: Path, place: str) -> None:
    with closing(open_core(settings_for(tmp_path / "data", FILES_MIRROR_URL=f"file://{tmp_path}/second"))) as core:
        for number in range(3):
            processed_file(core, b"x" * (number + 1))
    bad, missing = sorted((tmp_path / place).rglob("info.json"))[:2]
    shutil.rmtree(missing.parent)
    with unreadable(bad):
        found = run(env(tmp_path), "mirror")
        assert (found.exit_code, found.stdout) == (1, "mirrored: 3 blobs, 1 copy made\n")
        key = str(bad.parent.relative_to(tmp_path / place / "blobs")).removesuffix(".blob")
        assert f"left as it is: {key}" in found.stderr
        assert run(env(tmp_path), "scrub").exit_code == 0
        assert run(env(tmp_path), "mirror").stdout == "mirrored: 3 blobs, 0 copies made\n"


@pytest.mark.parametrize("keys", ["", ring_text("a")], ids=["plain", "encrypted"])
@pytest.mark.parametrize("copies", [1, 2])
def test_an_orphan_that_cannot_be_described_is_deleted_from_both_disks(tmp_path: Path, copies: int, keys: str) -> None:
    settings = settings_for(tmp_path / "data", FILES_MIRROR_URL=f"file://{tmp_path}/second", FILES_ENCRYPTION_KEYS=keys)
    with closing(open_core(settings)) as core:
        kept = processed_file(core)["parts"][0]["key"]
        key = part_key("ann", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "p0")
        core.blobs.put(key, [b"content"], content_type="a/b", now=1_000)
        paths = [tmp_path / place / "blobs" / f"{key}.blob" for place in ("data/blobs", "second")]
        for path in paths[:copies]:
            (path / "info.json").write_bytes(b"")
            for each in (*path.iterdir(), path):
                os.utime(each, (0, 0))
        cursor = encode_cursor(Cursor(stage=Stage.STORED))
        assert call(core, "files.sync", deep=True, cursor=cursor)["errors"] == []
        assert not any(path.exists() for path in paths)
        assert core.blobs.head(kept).size


def test_failure_domains_are_two_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_two_disks(monkeypatch)
    for text in ("a", "a,", "a,b,c"):
        with pytest.raises(BadSettings, match="failure_domains"):
            settings_for(tmp_path / "data", FILES_FAILURE_DOMAINS=text)
    settings = settings_for(
        tmp_path / "data", FILES_MIRROR_URL=f"file://{tmp_path}/second", FILES_FAILURE_DOMAINS="disk-a, disk-b"
    )
    core = open_core(settings)
    assert isinstance(core.blobs, SupportsCopies)
    assert [copy.domain for copy in core.blobs.copies()] == ["disk-a", "disk-b"]
    core.close()


def test_the_mirror_is_another_folder(tmp_path: Path) -> None:
    with pytest.raises(UnknownStore, match="the mirror is the blob store itself"):
        open_core(settings_for(tmp_path, FILES_MIRROR_URL=f"file://{tmp_path}/blobs"))


@pytest.mark.parametrize("damage", [remove, cut, rot])
@pytest.mark.parametrize("make", [chunked_file, processed_file])
@pytest.mark.parametrize("place", ["data/blobs", "second"])
def test_the_scrub_makes_a_bad_copy_anew(
    tmp_path: Path, damage: Damage, make: Callable[[Core, bytes], dict[str, Any]], place: str
) -> None:
    settings = settings_for(tmp_path / "data", FILES_MIRROR_URL=f"file://{tmp_path}/second")
    with closing(open_core(settings)) as core:
        text = bytes(range(256)) * 40
        record = make(core, text)
        stored = sorted((tmp_path / place).rglob("content"))
        damage(stored[0])
        assert scrub(core) == []
        assert call(core, "files.info", file_id=record["file_id"])["lost_parts"] == []
        assert isinstance(core.blobs, SupportsCopies)
        for copy in core.blobs.copies():
            lone = replace(core, blobs=copy.store)
            assert scrub(lone) == []


def test_a_blob_with_no_good_copy_is_lost_and_nothing_is_removed(tmp_path: Path) -> None:
    settings = settings_for(tmp_path / "data", FILES_MIRROR_URL=f"file://{tmp_path}/second")
    with closing(open_core(settings)) as core:
        record = processed_file(core, b"clip" * 100)
        found = sorted(tmp_path.rglob("content"))
        for path in found:
            rot(path)
        assert [each[:3] for each in scrub(core)] == [(record["file_id"], "p0", "rotten")]
        assert sorted(tmp_path.rglob("content")) == found


def test_a_card_whose_files_are_on_two_disks_may_be_formatted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_two_disks(monkeypatch)
    settings = settings_for(
        tmp_path / "data", FILES_MIRROR_URL=f"file://{tmp_path}/second", FILES_FAILURE_DOMAINS="disk-a,disk-b"
    )
    with closing(open_core(settings)) as core:
        entries = [brought(core, "DCIM/A.MP4"), brought(core, "DCIM/B.MP4", chunked=True)]
        session_id = copied(core, entries)["session_id"]
        assert verified(core, session_id)["verdict"]["text"].startswith("SAFE TO FORMAT: 2 files, 600 B, 2 copies")
        rot(next((tmp_path / "second").rglob("content")))
        again = verified(core, session_id)["verdict"]
        assert (again["state"], again["reasons"][0]["code"]) == ("not_safe", "copy_damaged")
        assert scrub(core) == []
        assert verified(core, session_id)["verdict"]["state"] == "safe"
        # The second disk is unmounted, and its folder on the first one: the names promise too much.
        monkeypatch.undo()
        assert verified(core, session_id)["verdict"]["state"] == "copied_not_verified"
