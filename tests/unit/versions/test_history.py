"""Versions for their owner: lists, rollbacks, labels, removal, addresses; and what is kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from files_service.core import Core
from files_service.domain.versions import Retention, prune_at, pruned
from files_service.errors import BadRequest, Conflict, FilesError, Forbidden, Immutable, NotFound, WrongStatus
from files_service.services.files import change
from files_service.services.processing import take
from storage_adapters import Tally
from tests.clocks import Clock
from tests.contract.metadata_scenes import NOW, make_record, make_version
from tests.cores import announced, call, processed_file, refusal, writes
from tests.unit.versions.scenes import (
    DAY,
    bring_to_rest,
    contents,
    named_keys,
    new_version,
    stored_keys,
    version_ids,
)


@pytest.fixture
def file_id(core: Core) -> str:
    """A file with two former contents."""
    made = str(processed_file(core, b"one", access="public")["file_id"])
    for data in (b"second", b"third"):
        new_version(core, made, data, actor="ann")
    return made


def test_the_list_has_all_versions_the_newest_first(core: Core, file_id: str) -> None:
    listed = call(core, "versions.list", file_id=file_id, actor="ann")
    assert [each["version_id"] for each in listed["versions"]] == version_ids(core, file_id)[::-1]
    assert [(each["size"], each["current"], each["author"]) for each in listed["versions"]] == [
        (5, True, "ann"),
        (6, False, "ann"),
        (3, False, None),
    ]


def test_the_record_shows_versions_to_its_owner_alone_and_without_parts(core: Core, file_id: str) -> None:
    own = call(core, "files.info", file_id=file_id, actor="ann")
    assert [each["version_id"] for each in own["versions"]] == version_ids(core, file_id)[:-1]
    assert all("parts" not in each for each in own["versions"])
    others = call(core, "files.info", file_id=file_id, actor="bob")
    assert {name for name in others if name.startswith("version")} == set()


def test_a_rollback_is_a_new_version_of_the_same_bytes(core: Core, clock: Clock, file_id: str) -> None:
    before = version_ids(core, file_id)
    stored = stored_keys(core)
    clock.pass_seconds(60)
    restored = call(core, "versions.restore", file_id=file_id, version_id=file_id, actor="ann")
    assert contents(core, file_id) == [b"one", b"second", b"third", b"one"]
    assert version_ids(core, file_id)[:-1] == before
    assert restored["version_id"] not in before
    assert (restored["version_at"], restored["version_author"], restored["size"]) == (clock(), "ann", 3)
    assert announced(core, file_id)[-1] == "version_restored"
    assert stored_keys(core) == stored
    assert core.metadata.usage("ann").versions == Tally(files=3, bytes=14)
    count = writes(core)
    for version_id in (file_id, restored["version_id"]):
        assert call(core, "versions.restore", file_id=file_id, version_id=version_id) == restored
    assert writes(core) == count


def test_bytes_stay_until_the_last_version_that_has_them_is_removed(core: Core, clock: Clock, file_id: str) -> None:
    restored = call(core, "versions.restore", file_id=file_id, version_id=file_id)
    call(core, "versions.remove", file_id=file_id, version_id=file_id)
    bring_to_rest(core, clock, days=10)
    assert contents(core, file_id) == [b"second", b"third", b"one"]
    new_version(core, file_id, b"fourth")
    call(core, "versions.remove", file_id=file_id, version_id=restored["version_id"])
    bring_to_rest(core, clock, days=10)
    assert stored_keys(core) == named_keys(core)
    assert contents(core, file_id)[-1] == b"fourth"


def test_removed_bytes_count_until_they_are_gone(core: Core, clock: Clock, file_id: str) -> None:
    core = replace(core, settings=replace(core.settings, owner_quota_bytes=16))
    core.quotas.clear()
    call(core, "versions.remove", file_id=file_id, version_id=file_id)
    said = {"owner": "ann", "name": "x", "parts": [{"size": 5}]}
    assert refusal(core, "files.upload", **said).code == "insufficient_storage"
    bring_to_rest(core, clock, days=3)
    assert call(core, "files.upload", **said)["status"] == "pending"


def test_versions_count_against_the_quota(core: Core, file_id: str) -> None:
    core = replace(core, settings=replace(core.settings, owner_quota_bytes=14))
    core.quotas.clear()
    said = {"owner": "ann", "version_of": file_id, "parts": [{"size": 1}]}
    assert refusal(core, "files.upload", **said).code == "insufficient_storage"


def test_a_removal_is_announced_once_and_spares_the_current_content(core: Core, file_id: str) -> None:
    first, _, current = version_ids(core, file_id)
    for _ in range(2):
        call(core, "versions.remove", file_id=file_id, version_id=first, actor="ann")
    assert announced(core, file_id).count("version_removed") == 1
    assert isinstance(refusal(core, "versions.remove", file_id=file_id, version_id=current), Conflict)
    assert contents(core, file_id) == [b"second", b"third"]


def test_a_labelled_version_is_not_pruned(core: Core, clock: Clock, file_id: str) -> None:
    call(core, "versions.label", file_id=file_id, version_id=file_id, label="first")
    for data in (b"4", b"5", b"6", b"7"):
        new_version(core, file_id, data)
    assert contents(core, file_id) == [b"one", b"4", b"5", b"6", b"7"]
    clock.pass_seconds(11 * DAY)
    bring_to_rest(core, clock)
    assert contents(core, file_id) == [b"one", b"5", b"6", b"7"]
    call(core, "versions.label", file_id=file_id, version_id=file_id, label=None)
    assert contents(core, file_id) == [b"5", b"6", b"7"]
    bring_to_rest(core, clock, days=10)
    assert stored_keys(core) == named_keys(core)


def test_only_so_many_versions_have_a_label(core: Core, file_id: str) -> None:
    new_version(core, file_id, b"fourth")
    for version_id in version_ids(core, file_id):
        call(core, "versions.label", file_id=file_id, version_id=version_id, label="x")
    said = {"owner": "ann", "version_of": file_id, "parts": [{"size": 1}]}
    assert isinstance(refusal(core, "files.upload", **said, label="x"), Conflict)
    new_version(core, file_id, b"fifth")
    assert isinstance(
        refusal(core, "versions.label", file_id=file_id, version_id=version_ids(core, file_id)[-1], label="x"), Conflict
    )
    # A label that is there can be changed.
    call(core, "versions.label", file_id=file_id, version_id=file_id, label="y")


def test_a_version_has_addresses_of_its_own(core: Core, file_id: str) -> None:
    [url] = call(core, "versions.download", file_id=file_id, version_id=file_id, actor="ann")["urls"]
    assert f"/{file_id}/p0?" in url
    current = call(core, "files.download", file_id=file_id, actor="ann")
    assert f"/{version_ids(core, file_id)[-1]}/p0" in current["urls"][0]
    assert current["parts"] == ["p0"]


@pytest.mark.parametrize(
    ("method", "more"),
    [
        ("versions.list", {}),
        ("versions.restore", {"version_id": "x"}),
        ("versions.label", {"version_id": "x", "label": "y"}),
        ("versions.remove", {"version_id": "x"}),
        ("versions.download", {"version_id": "x"}),
    ],
)
def test_versions_are_their_owners_alone(core: Core, file_id: str, method: str, more: dict[str, str]) -> None:
    """The file is public; what others are told does not depend on the version."""
    for version_id in (file_id, "x"):
        params = {"file_id": file_id, **more} | ({"version_id": version_id} if more else {})
        assert isinstance(refusal(core, method, **params, actor="bob"), Forbidden)
    if method not in ("versions.list", "versions.remove"):
        assert isinstance(refusal(core, method, file_id=file_id, **more, actor="ann"), NotFound)
    assert isinstance(refusal(core, method, file_id="01M8KP6GHMSGQGZE53703RNTT4", **more), NotFound)


def test_an_immutable_file_keeps_its_versions(core: Core, clock: Clock, file_id: str) -> None:
    call(core, "files.update", file_id=file_id, changes={"immutable": True})
    for method, more in (("restore", {}), ("label", {"label": "x"}), ("remove", {})):
        refused: FilesError = refusal(core, f"versions.{method}", file_id=file_id, version_id=file_id, **more)
        assert isinstance(refused, Immutable)
    clock.pass_seconds(400 * DAY)
    bring_to_rest(core, clock)
    assert contents(core, file_id) == [b"one", b"second", b"third"]


def test_a_file_that_is_being_processed_is_not_rolled_back(core: Core, file_id: str) -> None:
    """The worker writes the parts that it has verified."""
    change(core, file_id, lambda found: take(found, "slow", core, force=True))
    assert isinstance(refusal(core, "versions.restore", file_id=file_id, version_id=file_id), WrongStatus)


def test_a_label_is_short_text(core: Core, file_id: str) -> None:
    for label in ("", "x" * 101, "a\nb"):
        assert isinstance(refusal(core, "versions.label", file_id=file_id, version_id=file_id, label=label), BadRequest)


def test_the_age_of_a_content_counts_from_its_replacement() -> None:
    versions = tuple(make_version(size, created_at=NOW + size) for size in (1, 2, 3))
    record = make_record(versions=versions, version_id="now", version_at=NOW + 50)
    retention = Retention(most=9, kept=1, kept_ms=100)
    assert prune_at(record, retention) == NOW + 102
    assert pruned(record, retention, now=NOW + 101) == record
    assert [each.version_id for each in pruned(record, retention, now=NOW + 102).versions] == ["v2", "v3"]
    assert [each.version_id for each in pruned(record, retention, now=NOW + 900).versions] == ["v3"]
    assert prune_at(pruned(record, retention, now=NOW + 900), retention) is None


def test_a_clone_has_the_current_content_alone(core: Core, file_id: str) -> None:
    clone = call(core, "files.clone", file_id=file_id, owner="bob")
    assert contents(core, clone["file_id"]) == [b"third"]
    call(core, "files.process", file_id=clone["file_id"])
    new_version(core, file_id, b"fourth")
    assert contents(core, clone["file_id"]) == [b"third"]
