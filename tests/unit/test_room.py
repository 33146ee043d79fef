"""The owner's quota and the free space are told before anything is declared, by every call that brings bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from files_service.core import Core
from files_service.errors import FilesError, InsufficientStorage
from files_service.services.uploads.quota import uploads_of
from files_service.services.uploads.session import Beginning, begin
from storage_adapters import JSON
from tests.cores import (
    announced,
    at_once,
    attempt,
    call,
    meanwhile,
    memory_core,
    pending_file,
    processed_file,
    refusal,
    sqlite_core,
)

QUOTA = 1_000
FULL = 2**60
Declare = Callable[[Core, str, int], object]


def by_upload(core: Core, owner: str, size: int) -> object:
    return attempt(core, "files.upload", owner=owner, name="a", parts=[{"size": size - 1}, {"size": 1}])


def by_door(core: Core, owner: str, size: int) -> object:
    return _begun(core, Beginning(owner=owner, size=size))


def by_partial(core: Core, owner: str, size: int) -> object:
    return _begun(core, Beginning(owner=owner, size=size, partial=True))


def _begun(core: Core, beginning: Beginning) -> object:
    try:
        return begin(core, beginning)
    except FilesError as error:
        return error


def used(core: Core, owner: str = "ann") -> int:
    """What an owner has, in files and in uploads that are none yet."""
    loose = [each for each in uploads_of(core).open_uploads(owner, limit=99) if each.details.get("partial")]
    return core.metadata.usage(owner).total.bytes + sum(each.size or 0 for each in loose)


def told(error: object) -> Any:
    assert isinstance(error, InsufficientStorage), error
    return error.details


@pytest.fixture(params=[memory_core, sqlite_core])
def limited(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    opened = request.param(tmp_path, owner_quota_bytes=QUOTA, free_disk_bytes=0)
    yield opened
    opened.close()


@pytest.mark.parametrize("declare", [by_upload, by_door, by_partial])
@pytest.mark.parametrize("there", [by_upload, by_door, by_partial])
def test_what_was_declared_counts_with_its_size_by_whatever_way_it_was(
    limited: Core, there: Declare, declare: Declare
) -> None:
    there(limited, "ann", 600)
    assert told(declare(limited, "ann", 401)) == {"field": "quota", "quota": "owner", "limit": QUOTA}
    assert used(limited) == 600
    assert not isinstance(declare(limited, "ann", 400), FilesError)
    assert not isinstance(declare(limited, "bob", QUOTA), FilesError)
    assert used(limited) == QUOTA


def test_an_upload_that_was_refused_left_nothing(limited: Core) -> None:
    error = refusal(limited, "files.upload", owner="ann", name="a", parts=[{"size": 999}, {"size": 2}])
    assert (error.code, error.http_status) == ("insufficient_storage", 507)
    assert announced(limited) == []


def test_a_repeated_upload_needs_no_more_room(limited: Core) -> None:
    said: JSON = {"owner": "ann", "name": "a", "parts": [{"size": QUOTA}], "request_id": "one"}
    first = call(limited, "files.upload", **said)
    assert call(limited, "files.upload", **said)["file_id"] == first["file_id"]
    told(attempt(limited, "files.upload", **{**said, "request_id": "two"}))


def test_a_removed_file_makes_room(limited: Core) -> None:
    file_id = pending_file(limited, parts=[{"size": QUOTA}])["file_id"]
    told(by_upload(limited, "ann", 1))
    call(limited, "files.remove", file_id=file_id)
    assert not isinstance(by_upload(limited, "ann", QUOTA), FilesError)


def test_a_clone_counts_for_its_owner_and_is_refused_before_a_byte_is_copied(limited: Core) -> None:
    source = processed_file(limited, b"x" * 300, b"y" * 300)
    assert told(attempt(limited, "files.clone", file_id=source["file_id"], owner="ann"))["field"] == "quota"
    by_upload(limited, "bob", 401)
    told(attempt(limited, "files.clone", file_id=source["file_id"], owner="bob"))
    assert (used(limited), used(limited, "bob")) == (600, 401)
    made = call(limited, "files.clone", file_id=source["file_id"], owner="eve")
    by_upload(limited, "eve", 400)
    assert used(limited, "eve") == QUOTA
    again = call(limited, "files.clone", file_id=source["file_id"], owner="eve")
    assert again["file_id"] == made["file_id"], "a repeated call needs no more room"


def test_no_upload_and_no_clone_takes_the_last_of_the_disk(tmp_path: Path) -> None:
    core = sqlite_core(tmp_path / "data", free_disk_bytes=0)
    source = processed_file(core, b"x")
    core.close()
    core = sqlite_core(tmp_path / "data", free_disk_bytes=FULL)
    assert told(by_upload(core, "ann", 2)) == {"field": "disk", "limit": FULL}
    assert told(attempt(core, "files.clone", file_id=source["file_id"], owner="bob"))["field"] == "disk"
    assert used(core) + used(core, "bob") == 1
    core.close()


def test_a_store_that_does_not_know_its_free_space_takes_everything(tmp_path: Path) -> None:
    core = memory_core(tmp_path, free_disk_bytes=FULL)
    assert not isinstance(by_upload(core, "ann", 2), FilesError)


@pytest.mark.parametrize("declare", [by_upload, by_door, by_partial])
def test_of_two_declarations_that_did_not_see_each_other_the_second_is_taken_back(
    limited: Core, monkeypatch: pytest.MonkeyPatch, declare: Declare
) -> None:
    others: list[object] = []
    meanwhile(monkeypatch, limited.metadata, "usage", lambda: others.append(declare(limited, "ann", 600)))
    assert told(declare(limited, "ann", 600))["field"] == "quota"
    assert not isinstance(others[0], FilesError)
    assert used(limited) == 600
    uploads = uploads_of(limited).open_uploads("ann", limit=9)
    assert len(uploads) == (declare is not by_upload)


@pytest.mark.parametrize("declare", [by_upload, by_door, by_partial])
def test_however_many_declare_at_once_the_quota_holds(limited: Core, declare: Declare) -> None:
    answers = at_once(8, lambda _: declare(limited, "ann", 300))
    admitted = [each for each in answers if not isinstance(each, FilesError)]
    assert used(limited) == 300 * len(admitted) <= QUOTA
    for each in answers:
        if isinstance(each, FilesError):
            told(each)


def test_one_upload_that_is_refused_after_it_was_written_was_announced_and_is_gone(
    limited: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile(monkeypatch, limited.metadata, "usage", lambda: by_upload(limited, "ann", 600))
    told(by_upload(limited, "ann", 600))
    assert announced(limited) == ["created", "created", "removed"]
    assert call(limited, "files.count", owner="ann")["total"] == 1
