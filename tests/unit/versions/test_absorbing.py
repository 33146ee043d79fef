"""Uploads of versions: their declaration, the moment in which they become the content, and what is left of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from files_service.core import Core
from files_service.errors import (
    BadRequest,
    Conflict,
    FilesError,
    Forbidden,
    Gone,
    Immutable,
    NotFound,
    WrongStatus,
)
from files_service.services.files import change
from files_service.services.processing import take
from files_service.services.uploads.session import Beginning, begin, find_session
from files_service.services.uploads.terminate import terminate
from files_service.services.uploads.whole import store_whole
from files_service.services.versions.absorbing import absorb
from storage_adapters import ListQuery, RecordDeleted, Section, Tally
from tests.clocks import Clock
from tests.contract.consistency import assert_consistent
from tests.cores import announced, call, pending_file, processed_file, refusal
from tests.unit.versions.scenes import (
    bring_to_rest,
    chunked_version,
    contents,
    named_keys,
    new_version,
    processed_upload,
    stored_keys,
    uploaded_version,
    version_ids,
)


@pytest.fixture
def file_id(core: Core) -> str:
    return str(processed_file(core, b"one", name="notes.txt", tags=["x"], access="public")["file_id"])


def test_a_version_becomes_the_content_when_it_is_processed(core: Core, clock: Clock, file_id: str) -> None:
    before = core.metadata.get(file_id)
    clock.pass_seconds(60)
    upload = uploaded_version(core, file_id, b"second", actor="ann", label="draft")
    assert contents(core, file_id) == [b"one"]
    assert call(core, "files.list", owner="ann")["files"][0]["file_id"] == file_id
    clock.pass_seconds(60)
    after = call(core, "files.process", file_id=upload["file_id"])
    assert after["file_id"] == file_id
    assert contents(core, file_id) == [b"one", b"second"]
    record = core.metadata.get(file_id)
    assert (record.name, record.tags, record.access) == (before.name, before.tags, before.access)
    assert (record.size, record.version_id, record.version_at) == (6, upload["file_id"], clock())
    assert (record.version_author, record.version_label) == ("ann", "draft")
    [former] = record.versions
    assert (former.version_id, former.parts, former.created_at) == (file_id, before.parts, before.uploaded_at)
    assert announced(core, file_id)[-1] == "version_added"
    with pytest.raises(RecordDeleted) as raised:
        core.metadata.get(upload["file_id"])
    assert raised.value.tombstone.absorbed_by == file_id
    usage = core.metadata.usage("ann")
    assert (usage.total, usage.versions) == (Tally(files=1, bytes=6), Tally(files=1, bytes=3))
    assert_consistent(core.metadata)
    assert stored_keys(core) == named_keys(core)


def test_a_request_for_a_version_that_the_file_has_is_answered_with_the_file(core: Core, file_id: str) -> None:
    upload = uploaded_version(core, file_id, b"two", request_id="r")
    repeated = {"owner": "ann", "version_of": file_id, "request_id": "r"}
    assert pending_file(core, b"two", name=None, **repeated)["file_id"] == upload["file_id"]
    call(core, "files.process", file_id=upload["file_id"])
    again = call(core, "files.upload", **repeated, parts=[{"size": 3}])
    assert (again["file_id"], again["version_id"]) == (file_id, upload["file_id"])
    assert "upload" not in again["parts"][0]
    assert isinstance(refusal(core, "files.upload", **repeated, parts=[{"size": 4}]), Conflict)
    new_version(core, file_id, b"three", request_id="s")
    call(core, "versions.remove", file_id=file_id, version_id=upload["file_id"])
    assert call(core, "files.upload", **repeated, parts=[{"size": 3}])["file_id"] == file_id
    assert contents(core, file_id) == [b"one", b"three"]


def test_repeating_the_last_call_of_an_upload_is_harmless(core: Core, file_id: str) -> None:
    upload = uploaded_version(core, file_id, b"second")
    call(core, "files.process", file_id=upload["file_id"])
    record = core.metadata.get(file_id)
    for address in (
        {"file_id": upload["file_id"], "part_id": "p0"},
        {"key": upload["parts"][0]["key"], "bucket": upload["parts"][0]["bucket"]},
    ):
        answer = call(core, "files.finish", **address)
        assert (answer["file_id"], answer["duplicate"]) == (file_id, True)
    assert core.metadata.get(file_id) == record


def test_the_door_of_a_chunked_upload_finds_its_bytes_in_the_file(core: Core, file_id: str) -> None:
    upload_id = f"{chunked_version(core, file_id, b'second' * 1000)}-p0"
    call(core, "files.process", file_id=upload_id.partition("-")[0])
    session = find_session(core, upload_id, "ann")
    assert session.upload.complete
    assert session.record == core.metadata.get(file_id)
    with pytest.raises(Conflict):
        terminate(core, session.upload, "ann")
    with pytest.raises(NotFound):
        find_session(core, upload_id, "bob")
    assert contents(core, file_id)[-1] == b"second" * 1000


def test_a_door_that_is_late_does_not_take_the_bytes_of_a_version(core: Core, file_id: str) -> None:
    """It read the upload while it was open, and comes to its end when the file has it."""
    upload = begin(core, Beginning(owner="ann", size=6, version_of=file_id))
    late = find_session(core, upload.upload_id, "ann")
    file = upload.upload_id.partition("-")[0]
    core.blobs.put(core.metadata.get(file).parts[0].key, [b"second"], content_type="text/plain", now=core.clock())
    call(core, "files.finish", file_id=file, part_id="p0")
    call(core, "files.process", file_id=file)
    with pytest.raises(Gone):
        find_session(core, upload.upload_id, "ann")
    # The bytes came as a blob, so that the open upload is not theirs.
    terminate(core, late.upload, "ann")
    assert contents(core, file_id) == [b"one", b"second"]


def test_several_uploads_at_once_each_become_a_version(core: Core, file_id: str) -> None:
    first, second = (uploaded_version(core, file_id, data) for data in (b"a", b"bb"))
    assert len(core.metadata.find(ListQuery(section=Section.VERSIONS, order_by="created_at")).records) == 2
    call(core, "files.process", file_id=second["file_id"])
    call(core, "files.process", file_id=first["file_id"])
    assert contents(core, file_id) == [b"one", b"bb", b"a"]
    assert version_ids(core, file_id) == [file_id, second["file_id"], first["file_id"]]


def test_a_version_that_fails_changes_nothing_and_is_deleted_in_the_end(core: Core, clock: Clock, file_id: str) -> None:
    before = core.metadata.get(file_id)
    upload = uploaded_version(core, file_id, b"second", parts=[{"size": 6, "md5": "0" * 32}])
    assert call(core, "files.process", file_id=upload["file_id"])["status"] == "failed"
    refused = pending_file(core, name=None, version_of=file_id, parts=[{"size": 6, "sha256": "0" * 64}])
    core.blobs.put(refused["parts"][0]["key"], [b"second"], content_type="text/plain", now=core.clock())
    bring_to_rest(core, clock, days=10)
    assert core.metadata.get(file_id) == before
    assert core.metadata.find(ListQuery(section=Section.VERSIONS, order_by="created_at")).records == ()
    assert stored_keys(core) == named_keys(core)


def test_a_file_that_is_processed_again_is_absorbed_into_later(core: Core, clock: Clock, file_id: str) -> None:
    upload = processed_upload(core, file_id, b"second")
    change(core, file_id, lambda found: take(found, "slow", core, force=True))
    assert absorb(core, upload) == upload
    assert contents(core, file_id) == [b"one"]
    bring_to_rest(core, clock)
    clock.pass_seconds(120)
    bring_to_rest(core, clock)
    assert contents(core, file_id) == [b"one", b"second"]


@pytest.mark.parametrize("end", ["removed", "immutable"])
def test_an_upload_whose_file_takes_none_is_removed_with_its_bytes(
    core: Core, clock: Clock, file_id: str, end: str
) -> None:
    upload = processed_upload(core, file_id, b"second")
    if end == "removed":
        call(core, "files.remove", file_id=file_id)
    else:
        call(core, "files.update", file_id=file_id, changes={"immutable": True})
    bring_to_rest(core, clock, days=10)
    with pytest.raises(RecordDeleted) as raised:
        core.metadata.get(upload.file_id)
    assert raised.value.tombstone.absorbed_by is None
    assert stored_keys(core) == named_keys(core)


def test_an_upload_that_is_about_to_be_absorbed_cannot_be_removed(core: Core, file_id: str) -> None:
    """Its blobs would go with it, and the file would name them."""
    upload = processed_upload(core, file_id, b"second")
    claimed = change(core, upload.file_id, lambda found: replace(found, immutable=True))
    assert isinstance(refusal(core, "files.remove", file_id=upload.file_id), Immutable)
    assert absorb(core, claimed).file_id == file_id
    assert contents(core, file_id) == [b"one", b"second"]
    assert not call(core, "files.remove", file_id=upload.file_id).get("error")
    assert contents(core, file_id) == [b"one", b"second"]


def test_an_upload_can_be_removed_before_and_keeps_no_bytes(core: Core, clock: Clock, file_id: str) -> None:
    upload = uploaded_version(core, file_id, b"second")
    assert isinstance(refusal(core, "files.remove", file_id=upload["file_id"], soft=True), BadRequest)
    call(core, "files.remove", file_id=upload["file_id"], actor="ann")
    bring_to_rest(core, clock, days=10)
    assert contents(core, file_id) == [b"one"]
    assert stored_keys(core) == named_keys(core)


def test_a_removed_version_is_not_absorbed_again_by_a_slow_worker(
    core: Core, clock: Clock, file_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker died before it deleted the upload; the version is removed before the sweep continues."""
    upload = processed_upload(core, file_id, b"second")
    with monkeypatch.context() as patch:
        patch.setattr("files_service.services.versions.absorbing.prune", _die)
        with pytest.raises(KeyboardInterrupt):
            absorb(core, upload)
    new_version(core, file_id, b"third")
    call(core, "versions.remove", file_id=file_id, version_id=upload.file_id)
    bring_to_rest(core, clock, days=10)
    absorb(core, upload)
    assert contents(core, file_id) == [b"one", b"third"]
    assert stored_keys(core) == named_keys(core)


def _die(*args: Any) -> None:
    raise KeyboardInterrupt


def test_a_small_body_becomes_a_version(core: Core, file_id: str) -> None:
    finished = store_whole(core, Beginning(owner="ann", size=6, version_of=file_id, label="x"), b"second")
    call(core, "files.process", file_id=finished.record.file_id)
    assert contents(core, file_id) == [b"one", b"second"]
    assert core.metadata.get(file_id).version_label == "x"


def test_the_type_is_that_of_the_bytes_or_else_stays(core: Core, file_id: str) -> None:
    png = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(20)
    assert new_version(core, file_id, png)["content_type"] == "image/png"
    assert new_version(core, file_id, b"\x00\x01\x02\xff")["content_type"] == "image/png"
    typed = [{"size": 3, "content_type": "text/css"}]
    assert new_version(core, file_id, b"a{}", parts=typed)["content_type"] == "text/css"


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"actor": "bob"}, Forbidden),
        ({"owner": "bob", "actor": "bob"}, NotFound),
        ({"owner": "bob"}, NotFound),
        ({"version_of": "01M8KP6GHMSGQGZE53703RNTT4"}, NotFound),
        ({"tags": ["x"]}, BadRequest),
        ({"meta": {"a": 1}}, BadRequest),
        ({"alias": "a"}, BadRequest),
        ({"access": "public"}, BadRequest),
        ({"label": ""}, BadRequest),
    ],
)
def test_what_is_no_version_is_refused(
    core: Core, file_id: str, params: dict[str, Any], error: type[FilesError]
) -> None:
    said: dict[str, Any] = {"owner": "ann", "parts": [{"size": 1}], "version_of": file_id, **params}
    assert isinstance(refusal(core, "files.upload", **said), error)


def test_only_finished_files_take_versions(core: Core, file_id: str) -> None:
    def refused(file_id: str) -> FilesError:
        return refusal(core, "files.upload", owner="ann", parts=[{"size": 1}], version_of=file_id)

    upload = uploaded_version(core, file_id, b"second")
    assert isinstance(refused(upload["file_id"]), NotFound)
    assert isinstance(refused(pending_file(core)["file_id"]), WrongStatus)
    sealed = processed_file(core)
    call(core, "files.update", file_id=sealed["file_id"], changes={"immutable": True})
    assert isinstance(refused(sealed["file_id"]), Immutable)
    change(core, file_id, lambda found: replace(found, trashed_at=core.clock()))
    assert isinstance(refused(file_id), Conflict)


def test_what_the_sweep_absorbs_is_reported(core: Core, file_id: str) -> None:
    upload = processed_upload(core, file_id, b"second")
    assert call(core, "files.sync", dry_run=True)["absorbed"] == [upload.file_id]
    assert contents(core, file_id) == [b"one"]
    assert call(core, "files.sync")["absorbed"] == [upload.file_id]
    assert contents(core, file_id) == [b"one", b"second"]
    assert call(core, "files.sync")["absorbed"] == []


def test_removing_a_file_removes_all_its_versions(core: Core, clock: Clock, file_id: str) -> None:
    new_version(core, file_id, b"second")
    call(core, "files.process", file_id=chunked_version(core, file_id, b"third" * 1000))
    call(core, "versions.restore", file_id=file_id, version_id=file_id)
    assert len(stored_keys(core)) > 2
    call(core, "files.remove", file_id=file_id)
    bring_to_rest(core, clock, days=10)
    assert stored_keys(core) == set()
    assert core.metadata.usage(None).bytes == 0


def test_the_sweep_deletes_nothing_of_a_file_removed_without_its_bytes(core: Core, clock: Clock, file_id: str) -> None:
    new_version(core, file_id, b"second")
    call(core, "files.remove", file_id=file_id, soft=True)
    kept = stored_keys(core)
    call(core, "files.sync", deep=True)
    bring_to_rest(core, clock, days=30)
    assert stored_keys(core) == kept
    assert len(kept) == 2
