"""The files of an archive: chosen by id or by folder, in the folders in which their owner keeps them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from files_service.core import Core
from files_service.errors import Gone
from files_service.services.archives.archive import archive_of, part_of_item
from files_service.services.archives.manifests import find_archive
from files_service.services.files import change
from storage_adapters import Version
from tests.cores import call, memory_core, processed_file, refusal


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    with closing(memory_core(tmp_path)) as core:
        yield core


def placed(core: Core, path: str, content: bytes = b"x", **fields: Any) -> str:
    """A finished file of ann at a path."""
    file_id: str = processed_file(core, content, owner="ann", name=path.rpartition("/")[2])["file_id"]
    change(core, file_id, lambda found: replace(found, path=path, **fields))
    return file_id


def names(core: Core, actor: str | None, **params: Any) -> list[str]:
    made = call(core, "files.archive", actor=actor, **params)
    return [item.name for item in find_archive(core, actor, made["archive_id"]).items]


def test_a_folder_is_archived_with_the_folders_below_it(core: Core) -> None:
    for path in ("trips/up/a.txt", "trips/up/more/a.txt", "trips/up2/b.txt", "trips/c.txt", "other/up/d.txt"):
        placed(core, path)
    assert names(core, "ann", owner="ann", folder="trips/up") == ["a.txt", "more/a.txt"]
    assert names(core, "ann", owner="ann", folder="/trips/") == ["c.txt", "up/a.txt", "up/more/a.txt", "up2/b.txt"]
    assert refusal(core, "files.archive", actor="ann", owner="ann", folder="trip").code == "not_found"
    assert refusal(core, "files.archive", actor="bob", owner="ann", folder="trips").code == "forbidden"
    for wrong in ({}, {"folder": "a"}, {"folder": "a", "owner": "ann", "file_ids": [core.new_id()]}):
        assert refusal(core, "files.archive", actor="ann", **wrong).code == "bad_request"


def test_folders_without_files_are_entries(core: Core) -> None:
    placed(core, "trips/up/a.txt")
    for path in ("trips/up/empty/deep", "trips/up/more", "trips/upper", "trips/up", "nothing/at/all"):
        call(core, "folders.create", owner="ann", path=path)
    placed(core, "trips/up/more/b.txt")
    assert names(core, "ann", owner="ann", folder="trips/up") == ["a.txt", "more/b.txt", "empty/deep/"]
    assert names(core, "ann", owner="ann", folder="nothing") == ["at/all/"]
    assert names(core, "ann", owner="ann", folder="nothing/at/all") == []


def test_what_is_not_ready_or_in_the_trash_is_not_in_a_folder(core: Core) -> None:
    placed(core, "up/a.txt")
    placed(core, "up/b.txt", trashed_at=1)
    pending = call(core, "files.upload", owner="ann", name="c.txt", parts=[{"size": 1}])["file_id"]
    change(core, pending, lambda found: replace(found, path="up/c.txt"))
    assert names(core, "ann", owner="ann", folder="up") == ["a.txt"]


def test_chosen_files_lie_below_the_deepest_folder_that_all_are_in(core: Core) -> None:
    one, two, three = (placed(core, path) for path in ("a/b/1.txt", "a/b/2.txt", "a/bc/d/1.txt"))
    loose = processed_file(core, b"y", owner="ann", name="loose.txt")["file_id"]
    assert names(core, "ann", file_ids=[one, two]) == ["1.txt", "2.txt"]
    assert names(core, "ann", file_ids=[one, three, one]) == ["b/1.txt", "bc/d/1.txt"]
    assert names(core, "ann", file_ids=[two, loose]) == ["a/b/2.txt", "loose.txt"]
    assert names(core, None, file_ids=[three]) == ["1.txt"]


def test_a_path_is_not_told_to_others_and_trash_is_not_there(core: Core) -> None:
    public = [placed(core, path) for path in ("secret/a", "b/c")]
    call(core, "files.access", file_ids=public, access="public")
    assert names(core, "bob", file_ids=public) == ["a", "c"]
    trashed = placed(core, "d", trashed_at=1)
    assert refusal(core, "files.archive", actor="ann", file_ids=[trashed]).code == "wrong_status"


def test_a_former_version_is_read_for_its_owner_alone(core: Core) -> None:
    file_id = placed(core, "a.txt", b"first")
    before = core.metadata.get(file_id)
    [item] = archive_of([(before, "")], "a.zip").items
    other = core.metadata.get(processed_file(core, b"second")["file_id"])
    former = Version(version_id="v1", parts=before.parts, size=5, content_type="text/plain", created_at=1)
    after = replace(before, parts=other.parts, size=6, versions=(former,))
    assert part_of_item(after, item, with_versions=True) == before.parts[0]
    with pytest.raises(Gone):
        part_of_item(after, item)


def test_derived_parts_are_left_out(core: Core) -> None:
    kinds = ("file", "subtitles", "thumbnail", "preview", "poster", "hover")
    record = core.metadata.get(processed_file(core, *(random.Random(1).randbytes(3) for _ in kinds))["file_id"])
    parts = tuple(replace(part, type=kind) for part, kind in zip(record.parts, kinds, strict=True))
    assert [item.part_id for item in archive_of([(replace(record, parts=parts), "")], "a.zip").items] == ["p0", "p1"]
    alone = replace(record, parts=(replace(parts[0], type="poster"),))
    assert len(archive_of([(alone, "")], "a.zip").items) == 1
