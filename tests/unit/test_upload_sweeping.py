"""What uploads leave behind is cleared away in time, and nothing that somebody names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from files_service.core import Core
from files_service.domain.chunking import chunk_key
from files_service.errors import FilesError
from files_service.services import content
from files_service.services.uploads import protected_chunks, sweep
from files_service.services.uploads.chunk_store import ChunkStore
from files_service.services.uploads.finish import complete
from files_service.services.uploads.quota import uploads_of
from files_service.services.uploads.session import Beginning, UploadSession, begin, find_session, find_upload
from files_service.services.uploads.sweep import sweep_uploads
from files_service.worker.sweeper import Sweeper
from storage_adapters import BlobNotFound, Chunk, RecordDeleted, StorageDenied, StorageUnavailable, Upload
from tests.clocks import Clock
from tests.cores import announced, at_once, call, meanwhile, memory_core, sqlite_core
from tests.unit.protection import protect

CONTENT = b"0123456789" * 100
QUARANTINE = 100
TTL = 1_000


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=[memory_core, sqlite_core])
def core(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Core]:
    opened = request.param(
        tmp_path, chunk_bytes=1_024, chunk_quarantine_seconds=QUARANTINE, upload_ttl_seconds=TTL, free_disk_bytes=0
    )
    yield replace(opened, clock=clock, timer=clock)
    opened.close()


def begun(core: Core, size: int | None = len(CONTENT)) -> Upload:
    return begin(core, Beginning(owner="ann", size=size, name="clip.bin"))


def store(core: Core, upload: Upload, data: bytes = CONTENT, offset: int = 0) -> list[Chunk]:
    return ChunkStore(core, uploads_of(core)).store(upload, offset, memoryview(data)).chunks


def uploaded(core: Core) -> str:
    upload = begun(core)
    store(core, upload)
    result = complete(core, UploadSession(uploads_of(core).get_upload(upload.upload_id)))
    assert result is not None
    return str(result.record.file_id)


def is_stored(core: Core, chunk: Chunk) -> bool:
    try:
        core.blobs.head(chunk_key("ann", chunk.object_id, chunk.token))
    except BlobNotFound:
        return False
    return True


def bytes_of(core: Core, file_id: str) -> bytes:
    return b"".join(content.read(core, core.metadata.get(file_id).parts[0]))


def test_an_abandoned_upload_goes_with_its_file_and_later_its_chunks(core: Core, clock: Clock) -> None:
    upload = begun(core)
    [chunk] = store(core, upload, CONTENT[:500])
    clock.pass_seconds(TTL - 1)
    sweeper = Sweeper(core, holder="one")
    sweeper.sweep()
    assert find_upload(core, upload.upload_id, "ann").received == 500
    clock.pass_seconds(1 + 60)
    sweeper.sweep()
    with pytest.raises(RecordDeleted):
        core.metadata.get(upload.upload_id.partition("-")[0])
    assert is_stored(core, chunk), "it is in quarantine"
    clock.pass_seconds(QUARANTINE + 1)
    sweeper.sweep()
    assert not is_stored(core, chunk)
    assert sweeper.totals["expired_uploads"] + sweeper.totals["cleaned"] >= 1
    assert sweeper.totals["chunks"] == 1


def test_chunks_keep_a_file_alive_whose_addresses_have_expired(core: Core, clock: Clock) -> None:
    upload = begun(core)
    clock.pass_seconds(TTL - 10)
    store(core, upload, CONTENT[:500])
    clock.pass_seconds(TTL - 20)
    Sweeper(core, holder="one").sweep()
    store(core, find_upload(core, upload.upload_id, "ann"), CONTENT[500:], 500)
    complete(core, UploadSession(uploads_of(core).get_upload(upload.upload_id)))
    assert announced(core) == ["created", "uploaded"]


def test_an_upload_whose_sender_goes_on_after_it_was_found_expired_stays(
    core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = begun(core, size=None)
    clock.pass_seconds(TTL + 1)
    meanwhile(monkeypatch, core.metadata, "expired_uploads", lambda: store(core, upload, CONTENT[:500]))
    assert sweep_uploads(core)["expired_uploads"] == 0
    assert find_upload(core, upload.upload_id, "ann").received == 500
    clock.pass_seconds(TTL)
    assert sweep_uploads(core)["expired_uploads"] == 1


@pytest.mark.parametrize("after", range(1, 5))
def test_a_file_whose_sender_goes_on_while_it_is_given_up_stays(
    core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    upload = begun(core)
    clock.pass_seconds(TTL + 61)
    stored: list[object] = []
    meanwhile(monkeypatch, core.metadata, "get_upload", lambda: stored.append(store(core, upload)), after=after)
    call(core, "files.sync")
    assert stored, "it was not looked at so often"
    monkeypatch.undo()
    assert find_upload(core, upload.upload_id, "ann").received == len(CONTENT)
    complete(core, find_session(core, upload.upload_id, "ann"))
    assert announced(core) == ["created", "uploaded"]


def test_a_file_whose_upload_is_begun_anew_while_it_is_given_up_stays(
    core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = begun(core)
    clock.pass_seconds(TTL + 61)

    def begin_anew() -> None:
        store(core, find_upload(core, upload.upload_id, "ann"), CONTENT[:500])

    real = core.metadata.delete

    def delete(*args: Any, **kwargs: Any) -> Any:
        # After the last look, and before the deletion.
        monkeypatch.undo()
        begin_anew()
        return real(*args, **kwargs)

    monkeypatch.setattr(core.metadata, "delete", delete)
    assert call(core, "files.sync")["expired"] == []
    assert call(core, "files.sync")["expired"] == []
    assert find_upload(core, upload.upload_id, "ann").received == 500


def test_chunks_that_a_second_file_names_stay_when_the_first_is_removed(core: Core, clock: Clock) -> None:
    first, second = uploaded(core), uploaded(core)
    call(core, "files.process", file_id=second)
    clone = call(core, "files.clone", file_id=second, owner="bob")["file_id"]
    for file_id in (first, second):
        call(core, "files.remove", file_id=file_id)
        clock.pass_seconds(TTL + QUARANTINE + 1)
        call(core, "files.sync")
        sweep_uploads(core)
        clock.pass_seconds(QUARANTINE + 1)
        sweep_uploads(core)
        survivor = second if file_id == first else clone
        assert bytes_of(core, survivor) == CONTENT
    assert uploads_of(core).mark_garbage(unused_before=clock() + 1, limit=10) == []


def test_an_upload_whose_end_nobody_lived_to_see_is_ended(core: Core, clock: Clock) -> None:
    upload = begun(core)
    store(core, upload)
    clock.pass_seconds(120)
    report = call(core, "files.sync")
    file_id = upload.upload_id.partition("-")[0]
    assert report["finished"] == [file_id]
    assert call(core, "files.process", file_id=file_id)["status"] == "processed"
    assert announced(core, file_id).count("uploaded") == 1


def test_of_many_that_complete_an_upload_one_announces_it(core: Core) -> None:
    upload = begun(core)
    store(core, upload)
    current = uploads_of(core).get_upload(upload.upload_id)
    answers = at_once(6, lambda _: complete(core, UploadSession(current)))
    assert all(answer is not None and answer.record.status == "uploaded" for answer in answers)
    assert announced(core).count("uploaded") == 1


def test_a_hit_and_a_sweep_at_the_same_time_never_lose_bytes(core: Core, clock: Clock) -> None:
    """Writers find chunks that others are about to clear away, again and again."""
    clock.pass_seconds(10 * QUARANTINE)
    now = clock()

    def work(index: int) -> list[tuple[Upload, bytes]]:
        kept: list[tuple[Upload, bytes]] = []
        for turn in range(12):
            if index < 2:
                # A sweep with no quarantine at all: only the order of the writes protects.
                swept = replace(core, clock=lambda: now + (QUARANTINE + 1) * 1_000)
                with suppress(FilesError):
                    sweep_uploads(swept)
                continue
            data = bytes([turn % 3]) * 700
            upload = begun(core, size=700)
            store(core, upload, data)
            if turn % 2:
                uploads_of(core).delete_upload(upload.upload_id, now=now)
            else:
                kept.append((upload, data))
        return kept

    for kept in at_once(5, work):
        for upload, data in kept:
            [chunk] = uploads_of(core).list_chunks(upload.upload_id, limit=5)
            stored = core.blobs.get(chunk_key("ann", chunk.object_id, chunk.token))
            assert b"".join(stored) == data
            assert hashlib.sha256(data).hexdigest() == chunk.object_id


def test_a_sweep_that_dies_before_the_bytes_are_deleted_is_gone_on_with(
    core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = begun(core)
    [chunk] = store(core, upload)
    uploads_of(core).delete_upload(upload.upload_id, now=clock())
    clock.pass_seconds(QUARANTINE + 1)
    with monkeypatch.context() as patch:
        patch.setattr(core.blobs, "delete", lambda key: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            sweep_uploads(core)
    again = begun(core)
    [fresh] = store(core, again)
    assert fresh.token != chunk.token
    assert sweep_uploads(core)["chunks"] == 1
    assert not is_stored(core, chunk)
    assert is_stored(core, fresh)


@pytest.mark.parametrize("error", [StorageDenied, StorageUnavailable])
def test_a_retention_keeps_chunks_and_no_others(
    core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    monkeypatch.setattr(sweep, "BATCH", 2)
    monkeypatch.setattr(protected_chunks, "BATCH", 2)
    upload = begun(core, size=None)
    chunks = [store(core, upload, bytes([number]) * 1_024, 1_024 * number)[0] for number in range(7)]
    protected = protect(monkeypatch, core, error)
    protected |= {chunk_key("ann", each.object_id, each.token) for each in chunks[:5]}
    uploads_of(core).delete_upload(upload.upload_id, now=clock())
    clock.pass_seconds(QUARANTINE + 1)
    sweeper = Sweeper(core, holder="one")
    assert sweeper.sweep()
    assert [is_stored(core, each) for each in chunks] == [True] * 5 + [False] * 2
    assert (sweeper.totals["chunks"], sweeper.totals["protected_chunks"]) == (2, 5)
    # Each sweep tries two of them, those first that have waited longest: after three more, each had its turn again.
    for number in range(6):
        clock.pass_seconds(core.settings.sweep_interval_seconds)
        assert sweeper.sweep()
        if number == 1:
            protected -= {chunk_key("ann", each.object_id, each.token) for each in chunks[4:]}
    assert [is_stored(core, each) for each in chunks] == [True] * 4 + [False] * 3
    protected.clear()
    clock.pass_seconds(core.settings.sweep_interval_seconds)
    assert sweeper.sweep()
    assert not any(is_stored(core, each) for each in chunks)
    assert sweeper.totals["chunks"] == 7


def test_an_upload_whose_size_was_said_and_whose_file_was_not_made_yet_is_completed(core: Core) -> None:
    """One request is between saying the size and making the file when another sees that all is there."""
    upload = begun(core, size=None)
    store(core, upload)
    result = complete(core, UploadSession(uploads_of(core).set_size(upload.upload_id, len(CONTENT))))
    assert result is not None
    assert bytes_of(core, result.record.file_id) == CONTENT
    assert announced(core) == ["created", "uploaded"]


def test_an_upload_whose_file_was_removed_goes_with_it(core: Core) -> None:
    upload = begun(core)
    store(core, upload)
    complete_upload = uploads_of(core).get_upload(upload.upload_id)
    call(core, "files.remove", file_id=upload.upload_id.partition("-")[0])
    with pytest.raises(FilesError):
        complete(core, UploadSession(complete_upload))
    assert uploads_of(core).open_uploads("ann", limit=9) == []
