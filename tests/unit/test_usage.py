"""files.count and files.report."""

from __future__ import annotations

import pytest

from files_service.core import Core
from files_service.errors import Forbidden
from tests.cores import call, pending_file, processed_file, refusal

SOURCE = {"served_by": "memory", "change_token": "@13"}


@pytest.fixture
def files(core: Core) -> Core:
    """Two processed files and a pending one of Ann, one of Bob."""
    processed_file(core, b"one", access="public", parts=[{"size": 3, "content_type": "image/png"}])
    processed_file(core, b"three", parts=[{"size": 5, "content_type": "text/plain"}])
    pending_file(core, b"pending", access="public", parts=[{"size": 7, "content_type": "image/png"}])
    processed_file(core, b"bob", owner="bob", parts=[{"size": 3, "content_type": "text/plain"}])
    return core


def test_files_are_counted(files: Core) -> None:
    assert call(files, "files.count", owner="ann", actor="ann") == {
        "total": 3,
        "public": 2,
        "by_access": {"private": 1, "public": 2},
        "by_status": {"pending": 1, "processed": 2},
        **SOURCE,
    }


def test_files_and_bytes_are_reported(files: Core) -> None:
    assert call(files, "files.report", owner="ann") == {
        "total": 3,
        "public": 2,
        "bytes": 15,
        "public_bytes": 10,
        "by_access": {"private": {"files": 1, "bytes": 5}, "public": {"files": 2, "bytes": 10}},
        "by_content_type": {"image/png": {"files": 2, "bytes": 10}, "text/plain": {"files": 1, "bytes": 5}},
        "by_status": {"pending": {"files": 1, "bytes": 7}, "processed": {"files": 2, "bytes": 8}},
        "trash": {"files": 0, "bytes": 0},
        "versions": {"files": 0, "bytes": 0},
        "stored": None,
        **SOURCE,
    }


def test_an_owner_without_files_has_none(core: Core) -> None:
    nothing = {"total": 0, "public": 0, "by_access": {}, "by_status": {}}
    assert call(core, "files.count", owner="zoe") == {**nothing, "served_by": "memory", "change_token": "@"}
    assert call(core, "files.report", owner="zoe")["bytes"] == 0


@pytest.mark.parametrize("method", ["files.count", "files.report"])
def test_only_the_system_counts_everybody(files: Core, method: str) -> None:
    assert call(files, method)["total"] == call(files, method, owner=None)["total"] == 4
    assert isinstance(refusal(files, method, actor="ann"), Forbidden)


def test_counts_follow_every_change(files: Core) -> None:
    [newest, *_] = call(files, "files.list", owner="ann")["files"]
    call(files, "files.access", file_ids=[newest["file_id"]], access="shared")
    assert "shared" in call(files, "files.count", owner="ann")["by_access"]
    call(files, "files.remove", file_id=newest["file_id"])
    assert call(files, "files.count", owner="ann")["total"] == 2
    assert "shared" not in call(files, "files.count", owner="ann")["by_access"]
