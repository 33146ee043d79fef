"""The search for orphans in a bucket that has objects of other programs, and in which others delete meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from files_service.core import Core
from files_service.domain.uploads import part_key
from files_service.services import reconcile as reconciliation
from tests.cores import at, call
from tests.gateway.s3_cores import s3_core
from tests.servers.seaweedfs import BUCKET, SeaweedFS

NOBODY = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
MONTH = 30 * 86_400_000


@pytest.fixture
def core(tmp_path: Path, seaweedfs: SeaweedFS) -> Iterator[Core]:
    opened = s3_core(tmp_path, seaweedfs.store_url())
    yield at(opened, opened.clock() + MONTH)
    opened.close()


def found(core: Core) -> tuple[list[str], list[str]]:
    """The orphans and the foreign objects that a comparison of everything finds."""
    orphans, unnamed, cursor = list[str](), list[str](), None
    for _ in range(100):
        report = call(core, "files.sync", deep=True, cursor=cursor)
        orphans += report["orphans"]
        unnamed += report["unnamed"]
        cursor = report["next_cursor"]
        if cursor is None:
            return sorted(orphans), sorted(unnamed)
    raise AssertionError("it does not end")


def put(core: Core, *keys: str) -> list[str]:
    for key in keys:
        core.blobs.put(key, [b"content"], content_type="a/b", now=core.clock() - MONTH)
    return sorted(keys)


def other_object(core: Core, seaweedfs: SeaweedFS, name: str) -> str:
    """Put an object beside the blobs that is none."""
    prefix = urlsplit(core.settings.blobs_url).path.strip("/")
    seaweedfs.client().put_object(Bucket=BUCKET, Key=f"{prefix}/{name}", Body=b"content")
    return name


def test_the_search_goes_on_behind_objects_that_are_left_out(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first page holds an object of the store itself, by which it knows the server."""
    monkeypatch.setattr(reconciliation, "BATCH", 3)
    orphans = put(core, *(part_key(f"owner{number}", NOBODY, "p0") for number in range(7)))
    assert found(core) == (orphans, [])


@pytest.mark.parametrize("name", ["Ölberg/Gruß.jpg", "/".join(["Ö" * 100] * 4)], ids=["short", "long"])
def test_the_search_goes_on_behind_any_name(
    core: Core, seaweedfs: SeaweedFS, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(reconciliation, "BATCH", 1)
    other_object(core, seaweedfs, name)
    orphans = put(core, part_key("ann", NOBODY, "p0"), part_key("bob", NOBODY, "p0"))
    assert found(core) == (orphans, [name])
