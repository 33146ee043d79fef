"""Bytes of removed versions: all are deleted, but what a retention keeps."""

from __future__ import annotations

import pytest

import storage_adapters as storage
from files_service.core import Core
from files_service.errors import StorageUnavailable
from files_service.services.versions import garbage
from tests.clocks import Clock
from tests.cores import call, processed_file
from tests.unit.protection import protect
from tests.unit.versions.scenes import DAY, bring_to_rest, contents, named_keys, new_version, stored_keys, version_ids


@pytest.mark.parametrize("error", [storage.StorageDenied, storage.StorageUnavailable])
def test_a_retention_keeps_bytes_of_removed_versions_and_no_others(
    core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    monkeypatch.setattr(garbage, "BATCH", 2)
    records = [processed_file(core, b"one") for _ in range(4)]
    former = {record["parts"][0]["key"] for record in records}
    protected = protect(monkeypatch, core, error)
    protected |= {record["parts"][0]["key"] for record in records[:3]}
    for record in records:
        new_version(core, record["file_id"], b"second")
        call(core, "versions.remove", file_id=record["file_id"], version_id=record["file_id"])
    bring_to_rest(core, clock)
    assert stored_keys(core) & former == protected
    bring_to_rest(core, clock, days=3)
    assert stored_keys(core) & former == protected
    protected.clear()
    bring_to_rest(core, clock)
    assert stored_keys(core) == named_keys(core)


def test_a_removal_that_failed_does_not_keep_the_bytes_of_another_at_the_same_revision(
    core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = processed_file(core, b"one")["file_id"]
    for data in (b"second", b"third"):
        new_version(core, file_id, data)
    first, second, _ = version_ids(core, file_id)

    def fail(*_: object, **__: object) -> None:
        raise StorageUnavailable("no connection")

    with monkeypatch.context() as patch:
        patch.setattr(core.metadata, "save", fail)
        with pytest.raises(StorageUnavailable):
            call(core, "versions.remove", file_id=file_id, version_id=first)
    call(core, "versions.remove", file_id=file_id, version_id=second)
    bring_to_rest(core, clock, days=3)
    assert contents(core, file_id) == [b"one", b"third"]
    assert stored_keys(core) == named_keys(core)


def test_a_file_that_cannot_be_read_keeps_no_bytes_of_others(
    core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newer version of the service wrote it."""
    broken, other = (processed_file(core, b"one") for _ in range(2))
    for record in (broken, other):
        new_version(core, record["file_id"], b"second")
        call(core, "versions.remove", file_id=record["file_id"], version_id=record["file_id"])
    get = core.metadata.get

    def refuse(asked: str) -> storage.FileRecord:
        if asked == broken["file_id"]:
            raise storage.UnreadableRecord(get(asked), "status", "new")
        return get(asked)

    former = {record["parts"][0]["key"] for record in (broken, other)}
    with monkeypatch.context() as patch:
        patch.setattr(core.metadata, "get", refuse)
        bring_to_rest(core, clock, days=3)
        assert stored_keys(core) & former == {broken["parts"][0]["key"]}
    bring_to_rest(core, clock)
    assert stored_keys(core) == named_keys(core)


def test_a_file_that_cannot_be_pruned_keeps_no_other_back(
    core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, other = (processed_file(core, b"one")["file_id"] for _ in range(2))
    for file_id in (broken, other):
        for data in (b"second", b"third", b"fourth", b"fifth"):
            new_version(core, file_id, data)
    clock.pass_seconds(11 * DAY)
    get = core.metadata.get

    def refuse(asked: str) -> storage.FileRecord:
        if asked == broken:
            raise storage.StorageUnavailable("the record cannot be read")
        return get(asked)

    with monkeypatch.context() as patch:
        patch.setattr(core.metadata, "get", refuse)
        bring_to_rest(core, clock)
    assert len(contents(core, other)) < len(contents(core, broken))
    bring_to_rest(core, clock)
    assert contents(core, other) == contents(core, broken)
