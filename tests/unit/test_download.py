"""files.download."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from files_service.core import Core
from files_service.domain.chunking import manifest_generation
from files_service.errors import BadRequest, NotSupported, WrongStatus
from storage_adapters import Grant, VerifiesSignedUrls
from tests.cores import (
    BareBlobStore,
    at,
    call,
    pending_file,
    processed_file,
    put_parts,
    refusal,
    uploaded_file,
)


def grant_of(core: Core, url: str, key: str) -> Grant:
    assert isinstance(core.blobs, VerifiesSignedUrls)
    params = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    return core.blobs.verify("GET", key, params, now=core.clock())


def keys(file: dict[str, Any]) -> list[str]:
    return [part["key"] for part in file["parts"]]


@pytest.mark.parametrize("access", ["private", "shared", "unlisted"])
def test_every_part_has_a_signed_address_in_order(core: Core, access: str) -> None:
    core = at(core, 1_000)
    file = processed_file(core, b"one", b"two", access=access)
    answer = call(core, "files.download", file_id=file["file_id"])
    assert (answer["file_id"], answer["name"], answer["parts"]) == (file["file_id"], "clip.bin", ["p0", "p1"])
    assert answer["expires_at"] == 1_000 + 10_800_000
    for url, key in zip(answer["urls"], keys(file), strict=True):
        grant = grant_of(core, url, key)
        assert (grant.expires_at, grant.filename) == (answer["expires_at"], None)


def test_the_life_of_the_addresses_can_be_chosen(core: Core) -> None:
    file_id = processed_file(core)["file_id"]
    assert call(at(core, 5), "files.download", file_id=file_id, expires_seconds=60)["expires_at"] == 60_005


def test_a_public_file_has_plain_addresses_that_stay(core: Core) -> None:
    file_id = processed_file(core, b"one", b"two", access="public")["file_id"]
    first, second = (call(at(core, now), "files.download", file_id=file_id) for now in (1, 2))
    assert first == second
    assert first["expires_at"] is None
    assert not any(urlsplit(url).query for url in first["urls"])


def test_a_public_attachment_is_signed_with_its_name(core: Core) -> None:
    file = processed_file(core, b"one", b"two", access="public", name="../My clip.mp4")
    answer = call(core, "files.download", file_id=file["file_id"], attachment=True, actor="sam")
    names = [grant_of(core, url, key).filename for url, key in zip(answer["urls"], keys(file), strict=True)]
    assert names == ["_My clip.mp4", "_My clip-p1.mp4"]
    assert answer["expires_at"] is not None


@pytest.mark.parametrize(
    ("parts", "expected"), [(["p1"], ["p1"]), (["p1", "p0", "p1"], ["p1", "p0", "p1"]), (None, ["p0", "p1"])]
)
def test_parts_can_be_chosen(core: Core, parts: list[str] | None, expected: list[str]) -> None:
    file = processed_file(core, b"one", b"two")
    answer = call(core, "files.download", file_id=file["file_id"], parts=parts)
    assert answer["parts"] == expected
    for part_id, url in zip(expected, answer["urls"], strict=True):
        assert grant_of(core, url, keys(file)[int(part_id[1:])])


@pytest.mark.parametrize("status", ["pending", "uploaded", "failed"])
def test_only_a_processed_file_can_be_downloaded(core: Core, status: str) -> None:
    make = pending_file if status == "pending" else uploaded_file
    file = make(core, access="public")
    if status == "failed":
        core.blobs.delete(file["parts"][0]["key"])
        call(core, "files.process", file_id=file["file_id"])
    error = refusal(core, "files.download", file_id=file["file_id"], actor="ann")
    assert (type(error), error.details) == (WrongStatus, {"status": status})


def test_a_file_made_private_loses_its_plain_address(core: Core) -> None:
    file_id = processed_file(core, access="public")["file_id"]
    call(core, "files.access", file_ids=[file_id], access="private")
    assert call(core, "files.download", file_id=file_id)["expires_at"] is not None


def test_a_store_without_addresses_says_so(core: Core) -> None:
    file_id = processed_file(core, access="public")["file_id"]
    error = refusal(replace(core, blobs=BareBlobStore()), "files.download", file_id=file_id)
    assert (type(error), error.details) == (NotSupported, {"capability": "SignedUrls"})


def test_chunks_in_a_store_that_signs_for_itself_are_read_at_the_gateway(core: Core) -> None:
    record = core.metadata.get(processed_file(core)["file_id"])
    part = replace(record.parts[0], generation=manifest_generation(f"{record.file_id}-p0"))
    core.metadata.save(replace(record, parts=(part,)), expected_revision=record.revision, changed_at=0, event=None)
    error = refusal(replace(core, blobs=BareBlobStore()), "files.download", file_id=record.file_id)
    assert type(error) is NotSupported
    assert error.details["address"] == f"{core.settings.public_url}/api/files/{record.file_id}/download"


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"parts": []}, "parts"),
        ({"parts": ["p0"] * 101}, "parts"),
        ({"parts": "p0"}, "parts"),
        ({"parts": [0]}, "parts.0"),
        ({"parts": ["\ud800"]}, "parts.0"),
        ({"parts": ["p9"]}, "parts"),
        ({"attachment": 1}, "attachment"),
        ({"expires_seconds": 0}, "expires_seconds"),
        ({"expires_seconds": 604_801}, "expires_seconds"),
    ],
)
def test_a_wrong_parameter_is_refused_by_its_path(core: Core, params: dict[str, Any], field: str) -> None:
    error = refusal(core, "files.download", file_id=processed_file(core)["file_id"], **params)
    assert isinstance(error, BadRequest)
    assert set(error.details["fields"]) == {field}


def test_the_addresses_lead_to_the_bytes(core: Core) -> None:
    file = pending_file(core, b"one")
    put_parts(core, file, [b"one"])
    call(core, "files.finish", file_id=file["file_id"], part_id="p0", skip_processing=True)
    [url] = call(core, "files.download", file_id=file["file_id"])["urls"]
    key = urlsplit(url).path.partition("/blobs/")[2]
    assert b"".join(core.blobs.get(key)) == b"one"
