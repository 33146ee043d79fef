"""What processing does with the bytes."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import google_crc32c
import pytest

from files_service.core import Core
from files_service.domain.lifecycle import ProcessingFailed
from files_service.services.hooks import ReadPart, Rejected
from files_service.services.verification import Abandoned, Findings, verify
from storage_adapters import JSON, BlobInfo, FileRecord, Part, StorageUnavailable
from tests.cores import call, meanwhile, pending_file, put_parts
from tests.unit.hooks import Look, failing, hooked

CONTENT = b"the bytes"
SUMS = {
    "md5": hashlib.md5(CONTENT).hexdigest(),
    "crc32c": f"{google_crc32c.value(CONTENT):08x}",
    "sha256": hashlib.sha256(CONTENT).hexdigest(),
}


def uploaded(core: Core, content: bytes = CONTENT, **part: Any) -> FileRecord:
    record = pending_file(core, parts=[{"size": len(content), **part}])
    put_parts(core, record, [content])
    call(core, "files.finish", file_id=record["file_id"], part_id="p0")
    return core.metadata.get(record["file_id"])


def inspected(core: Core, record: FileRecord) -> Findings | ProcessingFailed:
    return verify(core, record, lambda: None)


def findings(core: Core, record: FileRecord) -> Findings:
    outcome = inspected(core, record)
    assert isinstance(outcome, Findings), outcome
    return outcome


def failure(core: Core, record: FileRecord) -> ProcessingFailed:
    outcome = inspected(core, record)
    assert isinstance(outcome, ProcessingFailed), outcome
    return outcome


def only(record: FileRecord, **sums: str) -> FileRecord:
    """The record with these checksums of its part and no others."""
    declared: dict[str, Any] = {**dict.fromkeys(SUMS), **sums}
    return replace(record, parts=(replace(record.parts[0], **declared),))


def png() -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")


class ForgetfulBlobs:
    """A store that vouches for some checksums only, as stores elsewhere do."""

    def __init__(self, core: Core, known: set[str]) -> None:
        self._blobs, self._forgotten = core.blobs, SUMS.keys() - known
        self.read_bytes = 0

    def head(self, key: str) -> BlobInfo:
        forgotten: dict[str, Any] = dict.fromkeys(self._forgotten)
        return replace(self._blobs.head(key), **forgotten)

    def get(
        self, key: str, *, offset: int = 0, length: int | None = None, generation: str | None = None
    ) -> Iterator[bytes]:
        for piece in self._blobs.get(key, offset=offset, length=length):
            self.read_bytes += len(piece)
            yield piece


def forgetful(core: Core, known: set[str]) -> tuple[Core, ForgetfulBlobs]:
    blobs = ForgetfulBlobs(core, known)
    return replace(core, blobs=blobs), blobs  # type: ignore[arg-type]


@pytest.mark.parametrize("name", sorted(SUMS))
@pytest.mark.parametrize("known", [set[str](), {"crc32c"}, set(SUMS)])
def test_every_declared_checksum_is_compared_whether_or_not_the_store_knows_it(
    core: Core, name: str, known: set[str]
) -> None:
    right = only(uploaded(core, content_type="text/plain"), **{name: SUMS[name]})
    declared = only(right, **{name: "0" * 8})
    core, _ = forgetful(core, known)
    assert getattr(findings(core, right).parts[0], name) == SUMS[name]
    assert failure(core, declared).code == "part_mismatch"
    assert name in failure(core, declared).message


def test_bytes_are_read_only_for_a_checksum_that_the_store_does_not_know(core: Core) -> None:
    record = only(uploaded(core, content_type="text/plain"), sha256=SUMS["sha256"])
    knowing, blobs = forgetful(core, {"sha256"})
    findings(knowing, record)
    assert blobs.read_bytes == 0
    ignorant, blobs = forgetful(core, {"crc32c"})
    findings(ignorant, record)
    assert blobs.read_bytes == len(CONTENT)


def test_another_size_is_a_mismatch(core: Core) -> None:
    record = uploaded(core)
    record = replace(record, parts=(replace(record.parts[0], size=1),))
    assert failure(core, record).code == "part_mismatch"


def test_bytes_that_are_gone_are_a_failure(core: Core) -> None:
    record = uploaded(core)
    core.blobs.delete(record.parts[0].key)
    assert failure(core, record).code == "part_missing"


def test_bytes_that_go_while_they_are_read_are_a_failure(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    record = uploaded(core)
    meanwhile(monkeypatch, core.blobs, "head", lambda: core.blobs.delete(record.parts[0].key))
    assert failure(core, record).code == "part_missing"


@pytest.mark.parametrize(
    ("content", "found"),
    [(png(), "image/png"), (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "application/pdf"), (b"", "application/octet-stream")],
)
def test_a_type_that_was_not_declared_is_found_in_the_bytes(core: Core, content: bytes, found: str) -> None:
    assert findings(core, uploaded(core, content)).content_type == found


@pytest.mark.parametrize("content", [b"\0", b"\xff" * 100, b"PK\x03\x04", b"RIFF", b"\x1a\x45\xdf\xa3", b"{" * 5_000])
def test_no_bytes_break_the_sniffer(core: Core, content: bytes) -> None:
    assert "/" in findings(core, uploaded(core, content)).content_type


def test_a_declared_type_stands(core: Core) -> None:
    assert findings(core, uploaded(core, png(), content_type="text/plain")).content_type == "text/plain"


def test_a_type_that_is_not_taken_fails_the_file_also_when_the_bytes_tell_it(core: Core) -> None:
    record = uploaded(core, png())
    videos = replace(core, settings=replace(core.settings, allowed_content_types=("video/*",)))
    images = replace(core, settings=replace(core.settings, allowed_content_types=("image/*",)))
    assert failure(videos, record).code == "unsupported_type"
    assert findings(images, record).content_type == "image/png"


def test_hooks_see_verified_parts_and_add_to_meta_in_turn(core: Core) -> None:
    def first(record: FileRecord, read: ReadPart) -> Mapping[str, Any]:
        return {"type": record.content_type, "sum": record.parts[0].sha256, "who": "first"}

    def second(record: FileRecord, read: ReadPart) -> Mapping[str, Any]:
        return {"bytes": sum(map(len, read(record.parts[0]))), "who": "second"}

    record = uploaded(core, png(), sha256=hashlib.sha256(png()).hexdigest())
    assert findings(hooked(core, first, second), record).meta == {
        "type": "image/png",
        "sum": hashlib.sha256(png()).hexdigest(),
        "who": "second",
        "bytes": len(png()),
    }


def test_a_hook_that_refuses_ends_the_inspection_with_its_code(core: Core) -> None:
    outcome = failure(hooked(core, failing(Rejected("virus", "bad")), failing(AssertionError())), uploaded(core))
    assert outcome == ProcessingFailed("virus", "bad")


def test_a_hook_that_breaks_fails_the_file_and_is_named(core: Core) -> None:
    assert failure(hooked(core, failing(KeyError("x"))), uploaded(core)) == ProcessingFailed("hook_failed", "Hook: 'x'")
    # The library of a command calls it, and it would end the worker's thread.
    assert failure(hooked(core, failing(SystemExit(2))), uploaded(core)) == ProcessingFailed("hook_failed", "Hook: 2")


@pytest.mark.parametrize(
    "returned", [None, 5, {"x": object()}, {1: "x"}, {"x": "\ud800"}, {"x": 2**70}, {"x": "y" * 70_000}]
)
def test_a_hook_that_returns_what_cannot_be_kept_fails_the_file(core: Core, returned: Any) -> None:
    assert failure(hooked(core, lambda record, read: returned), uploaded(core)).code == "hook_failed"


def test_what_a_hook_adds_and_what_is_there_may_not_be_too_much_together(core: Core) -> None:
    record = replace(uploaded(core), meta={"there": "x" * 40_000})
    assert failure(hooked(core, lambda found, read: {"added": "x" * 40_000}), record).code == "hook_failed"
    assert findings(hooked(core, lambda found, read: {"there": "x" * 40_000}), record)


def test_any_text_of_a_refusal_can_be_kept(core: Core) -> None:
    outcome = failure(hooked(core, failing(Rejected("c\ud800", "\ud800" + "x" * 10_000))), uploaded(core))
    assert outcome == ProcessingFailed("c?", "?" + "x" * 499)


def swallowing(record: FileRecord, read: ReadPart) -> Mapping[str, Any]:
    """A hook that hides whatever goes wrong."""
    try:
        list(read(record.parts[0]))
    except Exception:
        return {"all": "well"}
    return {}


def wrapping(record: FileRecord, read: ReadPart) -> Mapping[str, Any]:
    """A hook that makes its own error of it."""
    try:
        list(read(record.parts[0]))
    except Exception as error:
        raise Rejected("broken", "cannot read") from error
    return {}


@pytest.mark.parametrize("look", [swallowing, wrapping])
def test_a_hook_cannot_hide_that_the_store_is_away_or_the_worker_is_to_stop(
    core: Core, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = uploaded(core, content_type="text/plain")
    calls: list[int] = []

    def stop() -> None:
        calls.append(1)
        if len(calls) > 2:
            raise Abandoned

    with pytest.raises(Abandoned):
        verify(hooked(core, look), record, stop)

    def away(*args: Any, **kwargs: Any) -> Iterator[bytes]:
        raise StorageUnavailable("away")

    monkeypatch.setattr(core.blobs, "get", away)
    with pytest.raises(StorageUnavailable):
        inspected(hooked(core, look), record)


@pytest.mark.parametrize("look", [swallowing, wrapping])
def test_a_hook_cannot_hide_that_bytes_are_gone(core: Core, look: Look) -> None:
    record = uploaded(core, content_type="text/plain")

    def delete_and_look(found: FileRecord, read: ReadPart) -> Mapping[str, Any]:
        core.blobs.delete(found.parts[0].key)
        return look(found, read)

    assert failure(hooked(core, delete_and_look), record).code == "part_missing"


def test_the_lease_is_looked_after_for_every_piece(core: Core) -> None:
    content = bytes(3 * 1024 * 1024)
    record = uploaded(core, content, sha256=hashlib.sha256(content).hexdigest(), content_type="text/plain")
    ignorant, _ = forgetful(core, set())
    calls: list[int] = []
    verify(ignorant, record, lambda: calls.append(1))
    assert len(calls) >= 3


def test_findings_do_not_undo_what_people_said_meanwhile(core: Core) -> None:
    record = uploaded(core, png())
    found = replace(findings(core, record), meta={"added": 1})
    assert found.apply(record).content_type == "image/png"
    edited = replace(record, content_type="image/x-mine", meta={"mine": 2})
    applied = found.apply(edited)
    assert (applied.content_type, applied.meta) == ("image/x-mine", {"mine": 2, "added": 1})


def test_a_part_may_be_read_as_a_stream(core: Core) -> None:
    def parse(record: FileRecord, read: ReadPart) -> Mapping[str, Any]:
        first: Part = record.parts[0]
        stream = io.BytesIO(b"".join(read(first)))
        return {"head": stream.read(3).decode()}

    found: JSON = findings(hooked(core, parse), uploaded(core)).meta
    assert found == {"head": "the"}
