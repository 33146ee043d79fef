"""Previews as parts of files: what processing stores, what becomes of it, and who keeps count."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from files_service.core import Core
from files_service.domain.versions import is_lost
from files_service.errors import Busy
from files_service.services import content
from files_service.services.media.extractor import extract
from files_service.services.processing import run_processing
from files_service.services.scrub.walk import Walk
from storage_adapters import FileRecord
from storage_adapters import StorageUnavailable as StoreIsAway
from tests.clocks import Clock
from tests.cores import (
    call,
    forget_looks,
    meanwhile,
    memory_core,
    pending_file,
    processed_file,
    put_parts,
    refusal,
    sqlite_core,
    uploaded_file,
)
from tests.media import samples
from tests.media.opening import is_red, picture
from tests.unit.versions.scenes import bring_to_rest, named_keys, new_version, stored_keys

WEEK = 7 * 86_400


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def core(tmp_path: Path, clock: Clock) -> Iterator[Core]:
    opened = memory_core(tmp_path, media=True)
    yield replace(opened, clock=clock, timer=clock)
    opened.close()


def photo(core: Core, data: bytes | None = None, **params: Any) -> FileRecord:
    """A processed picture."""
    parts = [{"size": len(data or samples.jpeg()), "content_type": "image/jpeg"}]
    record = processed_file(core, data or samples.jpeg(), **{"name": "p.jpg", "parts": parts, **params})
    return core.metadata.get(record["file_id"])


def kinds(record: FileRecord) -> list[str]:
    return [part.part_id.rpartition("-")[0] for part in record.derived]


def test_a_processed_picture_has_its_time_its_facts_and_its_previews(core: Core) -> None:
    exif = samples.exif_of(taken="2024:05:01 12:15:30", offset="+02:00")
    record = photo(core, samples.jpeg(exif=exif))
    assert (record.captured_at, record.captured_offset_minutes, record.captured_source) == (
        1_714_558_530_000,
        120,
        "exif",
    )
    assert record.media == {
        "camera_make": "Acme",
        "camera_model": "Snap 5",
        "codec": "jpeg",
        "height": 360,
        "kind": "picture",
        "rotation": 0,
        "width": 640,
    }
    assert kinds(record) == ["thumbnail-256", "thumbnail-512", "thumbnail-1600"]
    for part in record.derived:
        data = b"".join(content.read(core, part))
        assert len(data) == part.size
        assert is_red(picture(data).convert("RGB").getpixel((10, 10)))


def test_previews_count_in_no_size(core: Core) -> None:
    record = photo(core)
    assert record.size == len(samples.jpeg())
    assert core.metadata.usage("ann").total.bytes == record.size


def test_the_senders_time_of_a_file_is_the_last_resort(core: Core) -> None:
    record = photo(core, meta={"mtime_at": 1_700_000_000_000})
    assert (record.captured_at, record.captured_source) == (1_700_000_000_000, "mtime")
    assert photo(core, meta={"mtime_at": "yesterday"}).captured_at is None


def test_the_time_of_a_gopro_clip_is_that_of_its_satellites_with_the_offset_of_its_clock(core: Core) -> None:
    data = samples.gopro(samples.gpmf_gpsu("240501101530.250"), "2024-05-01T12:15:30Z")
    record = photo(core, data, name="GX010001.MP4", parts=[{"size": len(data), "content_type": "video/mp4"}])
    assert record.captured_source == "gps"
    assert record.captured_at == 1_714_558_530_250
    assert record.captured_offset_minutes == 120


def test_a_hidden_place_is_in_no_answer(core: Core) -> None:
    exif = samples.exif_of(gps=("2024:05:01", (10, 15, 30)))
    record = photo(core, samples.jpeg(exif=exif), access="public")
    shown = str(call(core, "files.info", file_id=record.file_id, actor="stranger"))
    assert record.captured_source == "gps"
    assert "thumbnail-256" in shown
    for word in ("latitude", "longitude", "gps_", "place", "bucket", record.derived[0].key):
        assert word not in shown


def test_a_derived_part_is_downloaded_by_its_id_or_its_kind(core: Core) -> None:
    record = photo(core)
    part = record.derived[0]
    for name in (part.part_id, "thumbnail-256"):
        found = call(core, "files.download", file_id=record.file_id, parts=[name])
        assert found["parts"] == [part.part_id]
    error = refusal(core, "files.download", file_id=record.file_id, parts=["hover"])
    assert error.code == "bad_request"


def test_a_file_without_previews_is_processed_all_the_same(core: Core) -> None:
    parts = [{"size": 9, "content_type": "video/mp4"}]
    record = photo(core, b"not media", name="clip.mp4", parts=parts)
    assert record.derived == ()
    assert record.media is None


def test_a_service_without_the_setting_opens_nothing(core: Core) -> None:
    off = replace(core, settings=replace(core.settings, media=False))
    record = photo(off)
    assert (record.derived, record.media) == ((), None)


def test_processing_again_makes_the_previews_again_and_deletes_the_former_ones(core: Core, clock: Clock) -> None:
    record = photo(core)
    lost = record.derived[0]
    core.blobs.delete(lost.key)
    again = call(core, "files.process", file_id=record.file_id, force=True)
    after = core.metadata.get(record.file_id)
    assert len(again["derived"]) == 3
    assert not {part.key for part in after.derived} & {part.key for part in record.derived}
    assert b"".join(content.read(core, after.derived[0]))
    bring_to_rest(core, clock, days=1)
    assert stored_keys(core) == named_keys(core)


def test_previews_are_deleted_with_their_file(core: Core, clock: Clock) -> None:
    record = photo(core)
    call(core, "files.remove", file_id=record.file_id)
    bring_to_rest(core, clock, days=2)
    assert stored_keys(core) == set()


def test_a_rollback_brings_the_right_picture_back(core: Core, clock: Clock) -> None:
    first = photo(core, samples.jpeg(exif=samples.exif_of(taken="2024:05:01 12:15:30", offset="+02:00")))
    swapped = samples.jpeg(samples.two_halves().rotate(180))
    new_version(core, first.file_id, swapped, parts=[{"size": len(swapped), "content_type": "image/jpeg"}])
    second = core.metadata.get(first.file_id)
    assert second.captured_at is None
    assert not is_red(picture(b"".join(content.read(core, second.derived[0]))).convert("RGB").getpixel((10, 10)))
    call(core, "versions.restore", file_id=first.file_id, version_id=first.file_id)
    back = core.metadata.get(first.file_id)
    assert (back.derived, back.media, back.captured_at) == (first.derived, first.media, first.captured_at)
    assert stored_keys(core) == named_keys(core)
    call(core, "versions.remove", file_id=first.file_id, version_id=back.versions[-1].version_id)
    bring_to_rest(core, clock, days=1)
    assert stored_keys(core) == named_keys(core)
    assert [b"".join(content.read(core, part)) != b"" for part in back.derived] == [True] * 3


def test_a_clone_gets_previews_of_its_own(core: Core) -> None:
    source = photo(core)
    clone = call(core, "files.clone", file_id=source.file_id, owner="bob")
    assert clone["derived"] == []
    call(core, "files.process", file_id=clone["file_id"])
    made = core.metadata.get(clone["file_id"])
    assert len(made.derived) == 3
    assert not {part.key for part in made.derived} & {part.key for part in source.derived}


def test_what_a_killed_worker_left_is_an_orphan(core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    data = samples.jpeg()
    record = uploaded_file(core, data, name="p.jpg", parts=[{"size": len(data), "content_type": "image/jpeg"}])

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("files_service.services.processing.record_outcome", die)
        with pytest.raises(Killed):
            call(core, "files.process", file_id=record["file_id"])
    left = stored_keys(core) - named_keys(core)
    assert len(left) == 3
    bring_to_rest(core, clock)
    assert core.metadata.get(record["file_id"]).derived
    clock.pass_seconds(WEEK + 1)
    forget_looks(core)
    report = call(core, "files.sync", deep=True)
    while report["next_cursor"] is not None and not report["orphans"]:
        report = call(core, "files.sync", deep=True, cursor=report["next_cursor"])
    assert set(report["orphans"]) == left
    assert stored_keys(core) == named_keys(core)


def test_a_worker_that_lost_its_lease_deletes_what_it_stored(
    core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = samples.jpeg()
    record = uploaded_file(core, data, name="p.jpg", parts=[{"size": len(data), "content_type": "image/jpeg"}])
    found = core.metadata.get(record["file_id"])

    def process_elsewhere() -> None:
        clock.pass_seconds(core.settings.lease_seconds + 1)
        run_processing(core, core.metadata.get(found.file_id), force=False)

    with monkeypatch.context() as patch:
        meanwhile(patch, core.blobs, "put", process_elsewhere)
        with pytest.raises(Busy):
            run_processing(core, found, force=False)
    assert len(core.metadata.get(found.file_id).derived) == 3
    assert stored_keys(core) == named_keys(core)


def test_a_blob_store_that_fails_in_the_middle_leaves_nothing(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    data = samples.jpeg()
    record = uploaded_file(core, data, name="p.jpg", parts=[{"size": len(data), "content_type": "image/jpeg"}])
    stored: list[str] = []
    real = core.blobs.put

    def put(key: str, *args: Any, **kwargs: Any) -> Any:
        if len(stored) == 2:
            raise StoreIsAway("gone for a while")
        stored.append(key)
        return real(key, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(core.blobs, "put", put)
        assert refusal(core, "files.process", file_id=record["file_id"]).code == "storage_unavailable"
    assert len(stored) == 2
    assert stored_keys(core) == named_keys(core)
    assert core.metadata.get(record["file_id"]).status == "uploaded"
    assert len(call(core, "files.process", file_id=record["file_id"])["derived"]) == 3


def test_the_proxy_of_a_camera_serves_for_the_hover_preview(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    main, proxy = samples.clip(), samples.clip(frames=20)
    small = pending_file(core, proxy, name=None, path="DCIM/GL010001.LRV")
    put_parts(core, small, [proxy])
    call(core, "files.finish", file_id=small["file_id"], part_id="p0")
    call(core, "files.process", file_id=small["file_id"])
    sizes: list[list[int]] = []

    def seen(kind: str, given: list[int], *args: Any, **kwargs: Any) -> Any:
        sizes.append(list(given))
        return extract(kind, given, *args, **kwargs)

    monkeypatch.setattr("files_service.services.media.derivation.extract", seen)
    record = photo(
        core, main, name=None, path="DCIM/GX010001.MP4", parts=[{"size": len(main), "content_type": "video/mp4"}]
    )
    assert sizes == [[len(main), len(proxy)]]
    assert "hover" in kinds(record)


def test_a_service_without_the_libraries_processes_files_and_keeps_the_time_of_the_sender(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("files_service.services.media.derivation.is_installed", lambda: False)
    record = photo(core, meta={"mtime_at": 1_700_000_000_000})
    assert (record.status, record.derived, record.captured_source) == ("processed", (), "mtime")


def test_a_worker_that_must_stop_ends_the_subprocess_and_releases_the_file(core: Core) -> None:
    data = samples.jpeg()
    record = uploaded_file(core, data, name="p.jpg", parts=[{"size": len(data), "content_type": "image/jpeg"}])
    found = core.metadata.get(record["file_id"])
    asked = 0

    def stopped() -> bool:
        nonlocal asked
        asked += 1
        return asked > 6

    assert run_processing(core, found, force=False, abandoned=stopped).status == "uploaded"
    assert asked == 7
    assert stored_keys(core) == named_keys(core)


def test_previews_are_encrypted_scrubbed_and_made_again_like_all_bytes(tmp_path: Path) -> None:
    core = sqlite_core(tmp_path, media=True, encryption_keys=f"k1:{base64.b64encode(bytes(32)).decode()}")
    record = photo(core)
    stored = [path.read_bytes() for path in (tmp_path / "blobs").rglob("*") if path.is_file()]
    assert len(stored) >= 4
    assert not [data for data in stored if b"WEBP" in data]
    assert picture(b"".join(content.read(core, record.derived[0])))
    core.blobs.delete(record.derived[0].key)
    for _ in Walk(core).steps():
        pass
    lost = core.metadata.get(record.file_id)
    assert is_lost(lost, lost.derived[0])
    assert not is_lost(lost, lost.parts[0])
    call(core, "files.process", file_id=record.file_id, force=True)
    again = core.metadata.get(record.file_id)
    assert again.lost_parts == ()
    assert len(again.derived) == 3
    core.close()


def test_no_archive_has_previews_that_the_service_made(core: Core) -> None:
    record = photo(core, access="unlisted")
    archive = call(core, "files.archive", file_ids=[record.file_id])
    assert archive["entries"] == 1
