"""files.remove."""

from __future__ import annotations

from dataclasses import replace

import pytest

from files_service.core import Core
from files_service.domain import uploads as domain
from files_service.errors import Conflict, Forbidden, Immutable, NotFound
from files_service.services.uploads.session import Beginning, begin
from tests.cores import (
    announced,
    at,
    at_once,
    call,
    meanwhile,
    pending_file,
    processed_file,
    refusal,
    uploaded_file,
    writes,
)


def test_a_removed_file_leaves_nothing_that_callers_see(core: Core) -> None:
    file = processed_file(core, alias="a", tags=["x"], access="public")
    answer = call(core, "files.remove", file_id=file["file_id"])
    revision = file["revision"] + 1
    assert answer == {
        "file_id": file["file_id"],
        "removed": True,
        "revision": revision,
        "change_token": f"{file['file_id']}:{revision}",
    }
    assert isinstance(refusal(core, "files.info", file_id=file["file_id"]), NotFound)
    assert call(core, "files.head", owner="ann", aliases=["a"]) == {"file_ids": [None]}
    for params in ({}, {"owner": "ann"}, {"tags": ["x"]}, {"owner": "ann", "tags": ["x"]}, {"actor": "sam"}):
        assert call(core, "files.list", **params)["files"] == []
    assert call(core, "files.count", owner="ann")["total"] == 0
    assert announced(core, file["file_id"])[-1] == "removed"


def test_repeating_it_is_the_same_answer_and_announces_nothing(core: Core) -> None:
    file_id = processed_file(core)["file_id"]
    first = call(core, "files.remove", file_id=file_id)
    before = writes(core)
    assert (
        call(core, "files.remove", file_id=file_id) == call(core, "files.remove", file_id=file_id, soft=True) == first
    )
    assert writes(core) == before


def test_many_that_remove_one_file_get_one_answer(core: Core) -> None:
    file_id = processed_file(core)["file_id"]
    answers = at_once(12, lambda _: call(core, "files.remove", file_id=file_id))
    assert all(answer == answers[0] for answer in answers)
    assert announced(core, file_id).count("removed") == 1


def test_only_the_owner_is_answered_about_a_removed_file(core: Core) -> None:
    file_id = processed_file(core, access="public")["file_id"]
    call(core, "files.remove", file_id=file_id)
    assert isinstance(refusal(core, "files.remove", file_id=file_id, actor="sam"), Forbidden)


def clean_after(core: Core, file_id: str) -> int:
    """The time from which the blobs of a removed file may go for good."""
    [tombstone] = [each for each in core.metadata.unclean(now=2**53, limit=9) if each.file_id == file_id]
    return tombstone.clean_after


def test_the_bytes_wait_until_no_address_can_bring_them_back(core: Core) -> None:
    for seconds in (900, 604_800):
        now = core.clock()
        file = call(at(core, now), "files.upload", owner="ann", name="n", parts=[{"size": 1}], expires_seconds=seconds)
        call(at(core, now + 1), "files.remove", file_id=file["file_id"])
        last = file["parts"][0]["upload"]["expires_at"]
        assert last == now + seconds * 1_000
        assert last <= clean_after(core, file["file_id"]) <= last + 900_000


def test_the_bytes_wait_for_the_last_of_several_addresses(core: Core) -> None:
    now = core.clock()
    asked = {"owner": "ann", "name": "n", "parts": [{"size": 1}], "request_id": "r"}
    for seconds in (900, 86_400, 900):
        file = call(at(core, now), "files.upload", expires_seconds=seconds, **asked)
    call(at(core, now + 1), "files.remove", file_id=file["file_id"])
    assert now + 86_400_000 <= clean_after(core, file["file_id"]) <= now + 87_300_000


def test_a_repeated_call_that_prolongs_nothing_much_is_not_written(core: Core) -> None:
    now = core.clock()
    asked = {"owner": "ann", "name": "n", "parts": [{"size": 1}], "request_id": "r"}
    revisions = [call(at(core, now + n * 60_000), "files.upload", **asked)["revision"] for n in range(3)]
    assert revisions == [1, 1, 1]


def test_bytes_without_an_address_may_go_at_once(core: Core) -> None:
    file = processed_file(core)
    clone = call(core, "files.clone", file_id=file["file_id"], owner="bob")
    upload = begin(core, Beginning(owner="ann", name="n", size=7))
    for file_id in (clone["file_id"], upload.upload_id.partition("-")[0]):
        now = core.clock() + 1_000
        call(at(core, now), "files.remove", file_id=file_id)
        assert clean_after(core, file_id) == now + 1


@pytest.mark.parametrize("lasting", [0, 604_800])
def test_the_bytes_of_a_file_of_an_earlier_version_wait_as_long_as_any_address_of_it(core: Core, lasting: int) -> None:
    record = core.metadata.get(pending_file(core)["file_id"])
    old = replace(record, urls_expire_at=None)
    assert domain.clean_after(old, now=5, session_ms=lasting) == (record.upload_expires_at or 0) + lasting


def test_the_bytes_of_an_old_file_may_go_at_once(core: Core) -> None:
    file = processed_file(core)
    later = file["upload_expires_at"] + 1
    call(at(core, later), "files.remove", file_id=file["file_id"])
    assert clean_after(core, file["file_id"]) == later + 1


def test_a_soft_removal_keeps_the_bytes(core: Core) -> None:
    file = processed_file(core, b"content")
    call(core, "files.remove", file_id=file["file_id"], soft=True)
    assert core.metadata.unclean(now=2**53, limit=9) == []
    assert b"".join(core.blobs.get(file["parts"][0]["key"])) == b"content"


def test_a_sealed_file_stays(core: Core) -> None:
    file = processed_file(core)
    call(core, "files.update", file_id=file["file_id"], changes={"immutable": True})
    error = refusal(core, "files.remove", file_id=file["file_id"])
    assert (type(error), error.details) == (Immutable, {"file_id": file["file_id"]})


@pytest.mark.parametrize("access", ["private", "unlisted"])
@pytest.mark.parametrize("make", [pending_file, uploaded_file, processed_file])
def test_a_file_can_be_removed_in_every_status_and_access(core: Core, make: type, access: str) -> None:
    assert call(core, "files.remove", file_id=make(core, access=access)["file_id"], actor="ann")["removed"]


def test_an_edit_in_between_is_removed_too(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id = processed_file(core)["file_id"]
    meanwhile(
        monkeypatch, core.metadata, "get", lambda: call(core, "files.update", file_id=file_id, changes={"name": "new"})
    )
    assert call(core, "files.remove", file_id=file_id)["removed"]
    assert announced(core, file_id)[-2:] == ["updated", "removed"]


def test_a_seal_in_between_holds(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id = processed_file(core)["file_id"]
    meanwhile(
        monkeypatch,
        core.metadata,
        "get",
        lambda: call(core, "files.update", file_id=file_id, changes={"immutable": True}),
    )
    assert isinstance(refusal(core, "files.remove", file_id=file_id), Immutable)


def test_a_race_that_never_ends_is_given_up_as_a_conflict(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id = processed_file(core)["file_id"]
    real_get = core.metadata.get
    core.stopping.set()
    monkeypatch.setattr(core.metadata, "get", lambda file_id: replace(real_get(file_id), revision=99))
    assert isinstance(refusal(core, "files.remove", file_id=file_id), Conflict)


def test_only_a_trusted_system_keeps_the_bytes(core: Core) -> None:
    file = uploaded_file(core)
    error = refusal(core, "files.remove", file_id=file["file_id"], soft=True, actor="ann")
    assert (error.code, error.details) == ("forbidden", {"field": "soft"})
    assert announced(core, file["file_id"])[-1] == "uploaded"
    call(core, "files.remove", file_id=file["file_id"], actor="ann")
