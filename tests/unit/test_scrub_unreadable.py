"""The scrub of a disk that works but for some of its sectors, in clear, encrypted, and with a mirror."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from files_service.core import Core
from files_service.services.opening import open_core
from files_service.services.scrub.repair import repair_from
from storage_adapters import JSON, StorageUnavailable, SupportsCopies
from tests.adapters.local_disk import failing, unreadable
from tests.cores import processed_file, settings_for
from tests.unit.cards.scenes import brought, copied, verified
from tests.unit.lost_bytes import chunked_file, marks, rot, scrub
from tests.unit.test_encryption import ring_text

CONTENT = Random(17).randbytes(20_000)
Make = Callable[[Core, bytes], JSON]
KEYS = pytest.mark.parametrize("keys", ["", ring_text("a")], ids=["plain", "encrypted"])
MAKES = pytest.mark.parametrize("make", [chunked_file, processed_file])


@pytest.fixture
def core(tmp_path: Path, keys: str) -> Iterator[Core]:
    with closing(open_core(settings_for(tmp_path, FILES_ENCRYPTION_KEYS=keys))) as core:
        yield core


def stored(folder: Path, name: str = "content") -> list[Path]:
    return sorted((folder / "blobs").rglob(name))


def made(core: Core, make: Make, content: bytes, folder: Path) -> tuple[JSON, Path]:
    """A file of one blob or chunk, and the folder that holds it."""
    before = stored(folder)
    record = make(core, content)
    [path] = [path for path in stored(folder) if path not in before]
    return record, path.parent


@KEYS
@MAKES
def test_a_bad_sector_is_a_loss_of_one_file(core: Core, tmp_path: Path, make: Make) -> None:
    record, bad = made(core, make, CONTENT, tmp_path)
    other, rotten = made(core, make, CONTENT[1:], tmp_path)
    rot(rotten / "content")
    with unreadable(bad / "content"):
        assert scrub(core) == [(record["file_id"], "p0", "unreadable", 0), (other["file_id"], "p0", "rotten", 0)]


@contextmanager
def empty(path: Path) -> Iterator[None]:
    path.write_bytes(b"")
    yield


@KEYS
@pytest.mark.parametrize(("damaged", "reason"), [(unreadable, "unreadable"), (empty, "rotten")])
def test_a_blob_without_its_description_is_a_loss_that_the_same_bytes_repair(
    core: Core, tmp_path: Path, damaged: Callable[[Path], AbstractContextManager[None]], reason: str
) -> None:
    record, bad = made(core, processed_file, CONTENT, tmp_path)
    other, rotten = made(core, processed_file, CONTENT[1:], tmp_path)
    rot(rotten / "content")
    with damaged(bad / "info.json"):
        assert scrub(core) == [(record["file_id"], "p0", reason, 0), (other["file_id"], "p0", "rotten", 0)]
        for _ in repair_from(core, processed_file(core, CONTENT)["file_id"]):
            pass
        assert marks(core) == [(other["file_id"], "rotten")]
        assert scrub(core) == [(other["file_id"], "p0", "rotten", 0)]


@KEYS
def test_bytes_come_again_where_a_chunk_cannot_be_described(core: Core, tmp_path: Path, keys: str) -> None:
    _, folder = made(core, chunked_file, CONTENT, tmp_path)
    # The description of encrypted bytes is behind them.
    bad = folder / ("content" if keys else "info.json")
    number = bad.stat().st_ino
    with unreadable(bad):
        assert chunked_file(core, CONTENT)["status"] == "processed"
        assert bad.stat().st_ino != number
        assert scrub(core) == []


@KEYS
def test_no_chunk_gives_way_where_the_whole_disk_fails(
    core: Core, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, folder = made(core, chunked_file, CONTENT, tmp_path)
    with unreadable(folder / "info.json"), monkeypatch.context() as patch:
        patch.setattr(os, "rename", failing(errno.EROFS))
        with pytest.raises(StorageUnavailable):
            chunked_file(core, CONTENT)
    assert scrub(core) == []


@KEYS
@MAKES
@pytest.mark.parametrize("place", ["data/blobs", "second"])
@pytest.mark.parametrize("name", ["content", "info.json"])
def test_a_copy_with_a_bad_sector_is_made_anew(tmp_path: Path, keys: str, make: Make, place: str, name: str) -> None:
    settings = settings_for(tmp_path / "data", FILES_MIRROR_URL=f"file://{tmp_path}/second", FILES_ENCRYPTION_KEYS=keys)
    with closing(open_core(settings)) as core:
        make(core, CONTENT)
        [bad] = stored(tmp_path / place, name)
        number = bad.stat().st_ino
        with unreadable(bad):
            assert (scrub(core), marks(core)) == ([], [])
            assert bad.stat().st_ino != number
            assert isinstance(core.blobs, SupportsCopies)
            for copy in core.blobs.copies():
                assert scrub(replace(core, blobs=copy.store)) == []


@KEYS
@pytest.mark.parametrize("chunked", [True, False])
def test_a_card_whose_copy_has_a_bad_sector_is_not_safe_to_format(core: Core, tmp_path: Path, chunked: bool) -> None:
    entries = [brought(core, "DCIM/A.MP4")]
    before = stored(tmp_path)
    entries.append(brought(core, "DCIM/B.MP4", chunked=chunked))
    [bad] = [path for path in stored(tmp_path) if path not in before]
    session_id = copied(core, entries)["session_id"]
    with unreadable(bad):
        verdict = verified(core, session_id)["verdict"]
    assert (verdict["state"], [each["path"] for each in verdict["reasons"]]) == ("not_safe", ["DCIM/B.MP4"])
    assert verdict["reasons"][0]["code"] == "copy_damaged"
