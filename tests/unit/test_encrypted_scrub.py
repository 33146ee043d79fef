"""The scrub of encrypted bytes: what is altered is found and repaired, and a deleted key is no loss."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from files_service.core import Core
from files_service.services import content
from files_service.services.encryption.owners import KEYS
from files_service.services.opening import open_core
from storage_adapters import DocumentQuery, SupportsDocuments
from tests.cores import processed_file, settings_for
from tests.unit.lost_bytes import Damage, chunked_file, cut, marks, remove, rot, scrub

CONTENT = os.urandom(50_000)


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    keys = f"a:{base64.b64encode(secrets.token_bytes(32)).decode()}"
    opened = open_core(settings_for(tmp_path, FILES_ENCRYPTION_KEYS=keys))
    yield opened
    opened.close()


def stored(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("content") if "rotten" not in path.parts)


def rot_footer(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "reason"), [(remove, "missing"), (cut, "cut"), (rot, "rotten"), (rot_footer, "cut")]
)
def test_an_altered_chunk_is_found_and_repaired_by_the_same_bytes(
    core: Core, tmp_path: Path, damage: Damage, reason: str
) -> None:
    record = chunked_file(core, CONTENT)
    assert scrub(core) == []
    damage(stored(tmp_path)[0])
    assert scrub(core) == [(record["file_id"], "p0", reason, 0)]
    again = chunked_file(core, CONTENT)
    assert scrub(core) == []
    assert marks(core) == []
    for each in (record, again):
        part = core.metadata.get(each["file_id"]).parts[0]
        assert b"".join(content.read(core, part)) == CONTENT


def test_an_altered_blob_is_found(core: Core, tmp_path: Path) -> None:
    record = processed_file(core, CONTENT)
    rot(stored(tmp_path)[0])
    assert scrub(core) == [(record["file_id"], "p0", "rotten", 0)]


def test_bytes_whose_key_was_deleted_stop_no_scrub_and_are_no_loss(core: Core, tmp_path: Path) -> None:
    processed_file(core, CONTENT)
    chunked_file(core, CONTENT + b"x")
    documents = core.metadata
    assert isinstance(documents, SupportsDocuments)
    [key] = documents.find_documents(DocumentQuery(collection=KEYS), now=core.clock()).documents
    documents.delete_document(KEYS, key.document_id, expected_revision=key.revision, deleted_at=core.clock())
    core.close()
    keys = f"b:{base64.b64encode(secrets.token_bytes(32)).decode()}"
    other = open_core(settings_for(tmp_path, FILES_ENCRYPTION_KEYS=keys))
    new = chunked_file(other, CONTENT[1:], owner="bob")
    assert scrub(other) == []
    rot(max(stored(tmp_path), key=lambda path: path.stat().st_mtime_ns))
    assert [found[0] for found in scrub(other)] == [new["file_id"]]
    other.close()
