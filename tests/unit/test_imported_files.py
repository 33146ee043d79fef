"""Files that came from ms-files: their ids are UUIDs and their keys have extensions, and every action takes them."""

from __future__ import annotations

import hashlib
import json
import urllib.parse
from pathlib import Path

import pytest

from files_service.core import Core
from migrations.importers.ms_files.fields import Source
from migrations.importers.ms_files.mapping import map_file
from storage_adapters import FileRecord
from tests.cores import call, sqlite_core
from tests.unit.test_orphan_scan import deep

FILE_ID = "5f3d1c52-9d3b-4f8e-9d55-1f2a3b4c5d6e"
KEY = f"{hashlib.md5(b'ann', usedforsecurity=False).hexdigest()}/{FILE_ID}/0a1b2c3d-0000-4000-8000-000000000000.bin.gz"


@pytest.fixture
def core(tmp_path: Path) -> Core:
    return sqlite_core(tmp_path)


def imported(core: Core, *, status: str = "3") -> FileRecord:
    parts = [{"filename": KEY, "bucket": core.blobs.bucket, "contentLength": 5, "contentType": "text/plain"}]
    fields = {"owner": "ann", "name": "Chair", "status": status, "startedAt": str(core.clock())}
    record = map_file(Source(file_id=FILE_ID, fields={**fields, "files": json.dumps(parts)})).record
    assert record is not None
    return core.metadata.save(record, expected_revision=0, changed_at=core.clock(), event=None)


def store_bytes(core: Core) -> None:
    core.blobs.put(KEY, [b"bytes"], content_type="text/plain", now=core.clock())


def test_every_action_takes_an_imported_file(core: Core) -> None:
    imported(core)
    store_bytes(core)
    assert call(core, "files.info", file_id=FILE_ID)["name"] == "Chair"
    assert call(core, "files.data", file_id=FILE_ID, fields=["owner"])["owner"] == "ann"
    [url] = call(core, "files.download", file_id=FILE_ID, parts=["p0"])["urls"]
    assert KEY in urllib.parse.unquote(url)
    token = call(core, "files.update", file_id=FILE_ID, changes={"name": "Stool"})["change_token"]
    assert call(core, "files.list", owner="ann", min_change=token)["files"][0]["name"] == "Stool"
    assert call(core, "files.tag.add", file_id=FILE_ID, tags=["oak"])["tags"] == ["oak"]
    assert call(core, "files.access", file_ids=[FILE_ID], access="public")
    copy = call(core, "files.clone", file_id=FILE_ID, owner="bob")
    assert copy["parent_id"] == FILE_ID
    assert deep(core) == {}
    assert call(core, "files.remove", file_id=FILE_ID)["removed"]


def test_a_pending_upload_is_finished_by_the_key_of_its_bytes(core: Core) -> None:
    imported(core, status="1")
    store_bytes(core)
    answer = call(core, "files.finish", key=KEY, bucket=core.blobs.bucket, skip_processing=True)
    assert (answer["file_id"], answer["parts_received"], answer["parts_total"]) == (FILE_ID, 1, 1)


def test_bytes_that_an_imported_file_names_are_no_strangers(core: Core) -> None:
    store_bytes(core)
    assert deep(core) == {"unnamed": [KEY]}
    imported(core)
    assert deep(core) == {}
