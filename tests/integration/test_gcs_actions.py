"""The actions on a bucket: which addresses are handed out, and what becomes of bytes that come late."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from files_service.core import Core
from files_service.services.opening import open_core
from files_service.services.uploads.chunk_store import ChunkStore
from files_service.services.uploads.quota import uploads_of
from files_service.services.uploads.session import Beginning, begin
from files_service.worker.sweeper import Sweeper
from storage_adapters import JSON, BlobNotFound, SupportsResealing
from tests.adapters.gcs_buckets import gcs_environ, running_fake
from tests.clocks import Clock
from tests.cores import call, pending_file, put_parts, refusal, settings_for
from tests.fakes.gcs import FakeGcs
from tests.waiting import PATIENCE_SECONDS

DAY = 86_400
TIMEOUT = PATIENCE_SECONDS


@pytest.fixture
def fake() -> Iterator[FakeGcs]:
    with running_fake() as running:
        yield running


@pytest.fixture
def clock(fake: FakeGcs) -> Clock:
    """One clock for the service and the bucket."""
    clock = Clock()
    fake.now = lambda: clock.now / 1_000
    return clock


@pytest.fixture
def core(fake: FakeGcs, clock: Clock, tmp_path: Path) -> Iterator[Core]:
    opened = replace(open_core(settings_for(tmp_path, **gcs_environ(fake))), clock=clock, timer=clock)
    yield opened
    opened.close()


def send(record: JSON, content: bytes, index: int = 0) -> int:
    upload = record["parts"][index]["upload"]
    return requests.put(upload["url"], data=content, headers=upload["headers"], timeout=TIMEOUT).status_code


def sweep(core: Core) -> None:
    Sweeper(core, holder="one").step()


def test_each_missing_part_has_a_session_of_its_own(fake: FakeGcs, core: Core, clock: Clock) -> None:
    record = pending_file(core, b"one", b"two", b"three", origin="https://app.example")
    uploads = [part["upload"] for part in record["parts"]]
    assert {upload["protocol"] for upload in uploads} == {"resumable"}
    assert len({upload["url"] for upload in uploads}) == 3
    # A session lasts a week, the upload a day.
    assert {upload["expires_at"] for upload in uploads} == {clock.now + DAY * 1_000}
    assert {session.origin for session in fake.sessions.sessions.values()} == {"https://app.example"}


def test_bytes_that_are_there_need_no_address(core: Core) -> None:
    record = pending_file(core, b"one", b"two", request_id="once")
    assert send(record, b"two", 1) == 200
    again = pending_file(core, b"one", b"two", request_id="once")
    assert again["file_id"] == record["file_id"]
    assert ["upload" in part for part in again["parts"]] == [True, False]
    assert again["parts"][0]["upload"]["url"] != record["parts"][0]["upload"]["url"]
    assert send(again, b"one") == 200
    assert send(record, b"one") == 412


def test_no_answer_but_that_of_the_upload_has_the_address(core: Core) -> None:
    record = pending_file(core)
    url = record["parts"][0]["upload"]["url"]
    for answer in (
        call(core, "files.info", file_id=record["file_id"]),
        call(core, "files.list", owner="ann"),
        call(core, "files.update", file_id=record["file_id"], changes={"name": "x"}),
    ):
        assert url not in str(answer)
        assert "upload_id" not in str(answer)


def test_bytes_that_come_after_their_file_was_removed_are_deleted(core: Core, clock: Clock) -> None:
    record = pending_file(core)
    call(core, "files.remove", file_id=record["file_id"])
    key = record["parts"][0]["key"]
    clock.pass_seconds(7 * DAY - 1)
    sweep(core)
    assert send(record, b"content") == 200
    assert core.blobs.head(key).size == 7
    clock.pass_seconds(DAY + 1)
    sweep(core)
    with pytest.raises(BlobNotFound):
        core.blobs.head(key)
    assert core.metadata.unclean(now=clock.now, limit=10) == []


def test_a_chunk_is_an_object_that_browsers_do_not_run_and_caches_keep_for_one_user(fake: FakeGcs, core: Core) -> None:
    upload = begin(core, Beginning(owner="ann", size=3, name="page.html", content_type="text/html"))
    ChunkStore(core, uploads_of(core)).store(upload, 0, memoryview(b"<p>"))
    [stored] = fake.objects.bucket("files").objects.values()
    assert stored.content_type == "application/octet-stream"
    assert stored.described == {
        "cacheControl": "private, max-age=900, immutable",
        "contentDisposition": "attachment",
    }


@pytest.mark.parametrize("resumable", [True, False])
def test_bytes_wait_for_the_addresses_that_were_handed_out_and_no_longer(
    core: Core, clock: Clock, resumable: bool
) -> None:
    record = pending_file(core, resumable=resumable)
    life = 7 * DAY if resumable else 900
    call(core, "files.remove", file_id=record["file_id"])
    clock.pass_seconds(life - 1)
    if resumable:
        assert send(record, b"content") == 200
    else:
        # The date of a signature is that of the machine.
        put_parts(core, record, [b"content"])
    sweep(core)
    clock.pass_seconds(902)
    sweep(core)
    assert core.metadata.unclean(now=2**53, limit=10) == []
    with pytest.raises(BlobNotFound):
        core.blobs.head(record["parts"][0]["key"])


def test_a_store_that_is_down_gives_no_address_and_repeating_the_call_does(fake: FakeGcs, core: Core) -> None:
    fake.faults.fail(403, method="POST")
    with pytest.raises(Exception, match="403"):
        pending_file(core, request_id="once")
    assert "upload" in pending_file(core, request_id="once")["parts"][0]


def test_a_full_quota_is_told_before_a_session_is_begun(fake: FakeGcs, core: Core) -> None:
    limited = replace(core, settings=replace(core.settings, owner_quota_bytes=10, free_disk_bytes=2**60))
    for resumable in (True, False):
        error = refusal(limited, "files.upload", owner="ann", name="a", parts=[{"size": 11}], resumable=resumable)
        assert (error.code, error.details["field"]) == ("insufficient_storage", "quota")
    assert fake.sessions.sessions == {}
    assert pending_file(limited, b"0123456789")["size"] == 10, "the bucket's free space is not known"


def test_encrypted_bytes_are_downloaded_from_the_gateway_and_direct_ones_from_the_bucket(
    fake: FakeGcs, tmp_path: Path
) -> None:
    keys = {"FILES_ENCRYPTION_KEYS": f"a:{b64encode(bytes(32)).decode()}", "FILES_ACCEPT_BUCKET_ENCRYPTION": "true"}
    core = open_core(settings_for(tmp_path, **gcs_environ(fake), **keys))
    with closing(core):
        record = pending_file(core, b"abc")
        fake.now = lambda: core.clock() / 1_000
        assert send(record, b"abc") == 200
        call(core, "files.finish", file_id=record["file_id"], part_id="p0", wait=True)
        [part] = call(core, "files.download", file_id=record["file_id"])["urls"]
        assert requests.get(part, timeout=TIMEOUT).content == b"abc"
        assert isinstance(core.blobs, SupportsResealing)
        core.blobs.reseal(10, after="")
        error = refusal(core, "files.download", file_id=record["file_id"])
        assert (error.code, error.details["address"][-9:]) == ("not_supported", "/download")
