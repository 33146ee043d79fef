"""files.finish: bytes that are missing, or not the ones that were declared or announced."""

from __future__ import annotations

import pytest

from files_service.core import Core
from files_service.errors import NotFound, PartMismatch
from storage_adapters import JSON
from tests.cores import attempt, call, meanwhile, pending_file, put_parts, refusal, writes
from tests.unit.arrivals import arrived, finish, notification


def test_a_part_whose_bytes_have_not_come_is_not_found_and_stays_missing(core: Core) -> None:
    record = pending_file(core)
    assert isinstance(refusal(core, "files.finish", file_id=record["file_id"], part_id="p0"), NotFound)
    assert writes(core) == 1


def test_bytes_that_are_not_the_declared_ones_make_room_for_the_right_ones(core: Core) -> None:
    declared = {"size": 7, "sha256": "0" * 64}
    record = arrived(core, b"content", parts=[declared])
    error = refusal(core, "files.finish", file_id=record["file_id"], part_id="p0")
    assert isinstance(error, PartMismatch)
    assert (error.details["field"], error.details["declared"]) == ("sha256", "0" * 64)
    assert call(core, "files.info", file_id=record["file_id"])["parts"][0]["received_at"] is None
    assert isinstance(refusal(core, "files.finish", file_id=record["file_id"], part_id="p0"), NotFound)
    put_parts(core, record, [b"content"])


def test_bytes_of_a_wrong_size_are_refused(core: Core) -> None:
    record = pending_file(core, b"content")
    put_parts(core, record, [b"contents"])
    error = refusal(core, "files.finish", **notification(record))
    assert error.details == {"field": "size", "declared": 7, "actual": 8}


def test_only_the_very_blob_that_was_looked_at_is_thrown_away(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    record = pending_file(core, b"content")
    key = record["parts"][0]["key"]
    put_parts(core, record, [b"wrong bytes"])

    def replaced_meanwhile() -> None:
        core.blobs.delete(key)
        put_parts(core, record, [b"content"])

    meanwhile(monkeypatch, core.blobs, "head", replaced_meanwhile)
    assert isinstance(refusal(core, "files.finish", **notification(record)), PartMismatch)
    assert finish(core, record)["status"] == "uploaded"


def test_wrong_bytes_that_somebody_else_threw_away_are_no_error_of_ours(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = pending_file(core, b"content")
    put_parts(core, record, [b"wrong bytes"])
    meanwhile(monkeypatch, core.blobs, "head", lambda: core.blobs.delete(record["parts"][0]["key"]))
    assert isinstance(refusal(core, "files.finish", **notification(record)), PartMismatch)


@pytest.mark.parametrize(
    "announced_of_blob",
    [{"size": 8}, {"crc32c": "00000000"}, {"generation": "another"}],
)
def test_a_notification_of_another_blob_is_refused_and_keeps_the_bytes(core: Core, announced_of_blob: JSON) -> None:
    record = arrived(core)
    error = refusal(core, "files.finish", **notification(record), **announced_of_blob)
    assert isinstance(error, PartMismatch)
    assert [error.details["field"]] == list(announced_of_blob)
    assert finish(core, record)["status"] == "uploaded"


def test_a_notification_may_say_all_it_knows_in_any_case(core: Core) -> None:
    record = arrived(core)
    blob = core.blobs.head(record["parts"][0]["key"])
    said = {"size": blob.size, "generation": blob.generation}
    said |= {name: value.upper() for name in ("md5", "crc32c") if (value := getattr(blob, name))}
    assert call(core, "files.finish", **notification(record), **said)["status"] == "uploaded"


def test_a_received_part_is_not_thrown_away_when_its_blob_is_found_changed(core: Core) -> None:
    record = arrived(core)
    finish(core, record)
    key = record["parts"][0]["key"]
    core.blobs.delete(key)
    core.blobs.put(key, [b"other bytes"], content_type="text/plain", now=1)
    assert isinstance(attempt(core, "files.finish", **notification(record)), PartMismatch)
    assert core.blobs.head(key).size == 11
