"""files.upload."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest

from files_service.core import Core
from files_service.domain.uploads import owner_segment
from files_service.errors import (
    FilesError,
    Forbidden,
    NotSupported,
    TooLarge,
    UnsupportedType,
)
from storage_adapters import VerifiesSignedUrls
from tests.cores import (
    BareBlobStore,
    announced,
    at,
    attempt,
    call,
    memory_core,
    pending_file,
    put_parts,
    refusal,
    uploaded_file,
    writes,
)

PART = {"size": 3}
DECLARATION: dict[str, Any] = {"owner": "ann", "name": "clip.bin", "parts": [PART]}


def test_a_declared_file_is_pending_and_has_the_defaults(core: Core) -> None:
    record = call(at(core, 1_000_000), "files.upload", **DECLARATION)
    upload = record["parts"][0].pop("upload")
    key = f"{owner_segment('ann')}/{record['file_id']}/p0"
    assert record == {
        "file_id": ANY,
        "owner": "ann",
        "name": "clip.bin",
        "alias": None,
        "status": "pending",
        "access": "private",
        "grantees": [],
        "tags": [],
        "meta": {},
        "content_type": "application/octet-stream",
        "size": 3,
        "parts": [
            {
                "part_id": "p0",
                "type": "file",
                "content_type": "application/octet-stream",
                "size": 3,
                "md5": None,
                "crc32c": None,
                "sha256": None,
                "bucket": core.blobs.bucket,
                "key": key,
                "generation": None,
                "received_at": None,
                "crc32": None,
            }
        ],
        "temporary": False,
        "expires_at": None,
        "immutable": False,
        "lost_parts": [],
        "version_id": None,
        "version_at": None,
        "version_author": None,
        "version_label": None,
        "captured_at": None,
        "captured_offset_minutes": None,
        "captured_source": None,
        "media": None,
        "derived": [],
        "created_at": 1_000_000,
        "upload_expires_at": 1_000_000 + 86_400_000,
        "uploaded_at": None,
        "processed_at": None,
        "error": None,
        "lease": None,
        "parent_id": None,
        "path": None,
        "trashed_at": None,
        "versions": [],
        "version_of": None,
        "revision": 1,
        "change_token": f"{record['file_id']}:1",
    }
    assert upload == {
        "method": "PUT",
        "url": ANY,
        "headers": ANY,
        "expires_at": 1_000_000 + 900_000,
        "protocol": "put",
    }
    assert announced(core) == ["created"]


def test_everything_declared_is_kept(core: Core) -> None:
    record = call(
        at(core, 1_000),
        "files.upload",
        owner="ann",
        name="Clip 1.mp4",
        parts=[
            {"type": "video", "content_type": "Video/MP4", "size": 9, "md5": "A" * 32, "sha256": "b" * 64},
            {"type": "preview", "content_type": "image/jpeg", "size": 0, "crc32c": "C" * 8},
        ],
        access="unlisted",
        tags=["Sea", "sea ", "Sun"],
        meta={"description": "A day", "website": "https://example.org/x", "gone": None, "n": {"deep": [1, None]}},
        alias="holiday",
        temporary=True,
        ttl_seconds=60,
        resumable=False,
        origin="https://example.org",
        actor="ann",
    )
    assert (record["content_type"], record["size"], record["access"]) == ("video/mp4", 9, "unlisted")
    assert (record["temporary"], record["expires_at"], record["alias"]) == (True, 61_000, "holiday")
    assert (record["tags"], record["parts"][0]["md5"]) == (["sea", "sun"], "a" * 32)
    assert record["meta"] == {"description": "A day", "website": "https://example.org/x", "n": {"deep": [1, None]}}
    assert [part["type"] for part in record["parts"]] == ["video", "preview"]


def test_an_empty_website_is_none(core: Core) -> None:
    assert call(core, "files.upload", **DECLARATION, meta={"website": ""})["meta"] == {"website": ""}


def test_each_part_has_an_address_that_admits_its_bytes_and_no_others(core: Core) -> None:
    record = pending_file(core, b"one", b"three")
    assert isinstance(core.blobs, VerifiesSignedUrls)
    for part, size in zip(record["parts"], (3, 5), strict=True):
        url, _, query = part["upload"]["url"].partition("?")
        assert url.endswith(part["key"])
        params = dict(each.split("=", 1) for each in query.replace("%2F", "/").split("&"))
        grant = core.blobs.verify("PUT", part["key"], params, now=core.clock())
        assert (grant.size, grant.content_type) == (size, "application/octet-stream")


def test_only_parts_that_are_missing_have_an_address(core: Core) -> None:
    params = {"request_id": "r", "parts": [PART, PART]}
    record = pending_file(core, **params)
    put_parts(core, record, [b"one", b"two"])
    call(core, "files.finish", file_id=record["file_id"], part_id="p1")
    again = pending_file(core, **params)
    assert ["upload" in part for part in again["parts"]] == [True, False]
    call(core, "files.finish", file_id=record["file_id"], part_id="p0")
    again = pending_file(core, **params)
    assert again["status"] == "uploaded"
    assert not any("upload" in part for part in again["parts"])


def test_a_temporary_file_lives_as_long_as_asked(core: Core) -> None:
    assert call(at(core, 5), "files.upload", **DECLARATION, temporary=True)["expires_at"] == 86_400_005
    assert call(at(core, 5), "files.upload", **DECLARATION, ttl_seconds=9)["expires_at"] is None


def test_nobody_uploads_for_somebody_else(core: Core) -> None:
    assert isinstance(refusal(core, "files.upload", **DECLARATION, actor="sam"), Forbidden)
    assert writes(core) == 0


def test_what_is_too_large_is_refused_with_the_limit(tmp_path: Path) -> None:
    core = memory_core(tmp_path, max_part_bytes=10, max_file_bytes=15)
    part = refusal(core, "files.upload", owner="ann", name="n", parts=[{"size": 1}, {"size": 11}])
    assert (type(part), part.details) == (TooLarge, {"field": "parts.1.size", "limit": 10})
    file = refusal(core, "files.upload", owner="ann", name="n", parts=[{"size": 8}, {"size": 8}])
    assert (type(file), file.details) == (TooLarge, {"field": "parts", "limit": 15})
    assert call(core, "files.upload", owner="ann", name="n", parts=[{"size": 10}, {"size": 5}])


@pytest.mark.parametrize(
    ("content_type", "taken"),
    [
        ("image/png", True),
        ("IMAGE/PNG", True),
        ("text/plain; charset=utf-8", True),
        ("text/html", False),
        ("imagex/png", False),
        ("application/octet-stream", False),
    ],
)
def test_only_allowed_types_are_taken(tmp_path: Path, content_type: str, taken: bool) -> None:
    core = memory_core(tmp_path, allowed_content_types=("image/*", "text/plain"))
    parts = [{"size": 1, "content_type": "image/png"}, {"size": 1, "content_type": content_type}]
    outcome = attempt(core, "files.upload", owner="ann", name="n", parts=parts)
    if taken:
        assert not isinstance(outcome, FilesError)
    else:
        assert isinstance(outcome, UnsupportedType)
        assert outcome.details == {"field": "parts.1.content_type", "allowed": ["image/*", "text/plain"]}


def test_a_post_action_cannot_make_a_type_that_is_not_taken(tmp_path: Path) -> None:
    core = memory_core(tmp_path, allowed_content_types=("image/*",))
    params = {"owner": "ann", "name": "n", "parts": [{"size": 1, "content_type": "image/png"}]}
    error = refusal(core, "files.upload", **params, post_action={"update": {"content_type": "text/html"}})
    assert isinstance(error, UnsupportedType)
    assert error.details["field"] == "post_action.update.content_type"
    assert call(core, "files.upload", **params, post_action={"update": {"name": "m"}})


def test_a_post_action_follows_in_the_write_that_ends_processing(core: Core) -> None:
    record = uploaded_file(core, post_action={"update": {"name": "done", "tags": ["Ready"], "immutable": True}})
    assert record["name"] == "clip.bin"
    done = call(core, "files.process", file_id=record["file_id"])
    assert (done["name"], done["tags"], done["immutable"]) == ("done", ["ready"], True)
    assert announced(core, record["file_id"]) == ["created", "uploaded", "processed"]


def test_a_store_without_signed_urls_says_so(core: Core) -> None:
    error = refusal(replace(core, blobs=BareBlobStore()), "files.upload", **DECLARATION)
    assert isinstance(error, NotSupported)
    assert error.details == {"capability": "SignedUrls"}
    assert writes(core) == 0
