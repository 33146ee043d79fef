"""Deleted accounts: what ends at once, what ends after two weeks, what an admin brings back, and deaths in between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from files_service.core import Core
from files_service.errors import FilesError
from files_service.runtime.clock import now_ms
from files_service.services import erasure
from files_service.services.accounts.deletion import DELETIONS, KEPT_MS
from files_service.services.accounts.documents import KEYS, SESSIONS, walk
from files_service.services.erasure import sweep_deletions
from files_service.services.opening import open_lists
from files_service.services.shares.share import SHARES
from files_service.worker.sweeper import Sweeper
from storage_adapters import ListQuery, StorageUnavailable
from tests.clocks import Clock
from tests.cores import call, memory_core, processed_file, refusal
from tests.gateway.serving import Served, serving, wait_until
from tests.people.links import Visitor, share, stored
from tests.people.persons import PASSWORD, Person, appoint, cheap, key_of, login, open_people, post, register
from tests.unit.killable import KillableStore, Killed


@pytest.fixture
def clock() -> Clock:
    return Clock(now_ms())


@pytest.fixture
def served(tmp_path: Path, clock: Clock) -> Iterator[Served]:
    """A gateway whose time passes when the test says so."""
    with serving(replace(open_people(tmp_path), clock=clock, timer=clock)) as served:
        yield served


def pass_days(core: Core, clock: Clock, days: int) -> None:
    """Let days pass, in which a worker sweeps."""
    sweeper = Sweeper(core, holder="worker")
    for _ in range(days):
        clock.pass_seconds(86_400)
        assert sweeper.sweep()
    sweeper.give_up()


def files_of(core: Core, owner: str) -> list[str]:
    return [each.file_id for each in core.metadata.find(ListQuery(owner=owner, section=None)).records]


def test_all_that_opens_an_account_ends_at_once_and_its_bytes_after_two_weeks(served: Served, clock: Clock) -> None:
    core, ann, bob = served.core, register(served), register(served, "bob")
    file_id, other = stored(ann), stored(bob)
    trashed, pending = stored(ann), served.result("files.upload", owner="ann", name="x", parts=[{"size": 1}])
    assert ann.delete(f"/api/files/{trashed}").status == 200
    assert ann.post("/api/folders/create", path="a/b").status == 201
    key, again = key_of(ann, "files:read"), Person(served, login(served).json["token"])
    visitor = Visitor(served, share(ann, file_id)["url"])
    assert visitor.bytes_of(file_id).status == 200
    reply = ann.delete("/api/auth/me")
    assert (reply.status, reply.json["deleted_at"], reply.json["disabled"]) == (200, clock(), True)
    assert [each.get("/api/files").status for each in (ann, again, key)] == [401, 401, 401]
    assert login(served).status == 401
    wait_until(lambda: visitor.bytes_of(file_id).status == 410)
    assert list(walk(core, KEYS, "")) == []
    assert {each.body["account_id"] for each in walk(core, SESSIONS, "")} == {
        served.result("accounts.info", owner="bob")["account_id"]
    }
    assert post(served, "/api/auth/register", name="ann", password=PASSWORD).code == "conflict"
    pass_days(core, clock, 13)
    assert {file_id, trashed} <= set(files_of(core, "ann"))
    pass_days(core, clock, 3)
    assert files_of(core, "ann") == []
    assert core.metadata.usage("ann").total.files == 0
    assert pending["file_id"] not in files_of(core, "ann")
    assert [each.body["owner"] for each in walk(core, SHARES, "")] == []
    assert list(walk(core, "folders", "")) == list(walk(core, DELETIONS, "")) == []
    assert list(core.blobs._blobs) == [core.metadata.get(other).parts[0].key]  # type: ignore[attr-defined]
    # The name stays taken, for files of others may be shared with it; and nothing brings the account back.
    assert post(served, "/api/auth/register", name="ann", password=PASSWORD).code == "conflict"
    assert refusal(core, "accounts.update", owner="ann", disabled=False).code == "conflict"
    assert refusal(core, "accounts.reset", owner="ann").code == "forbidden"
    assert served.result("accounts.delete", owner="ann")["has_password"] is False


def test_ones_own_account_is_deleted_by_a_fresh_session_alone(served: Served, clock: Clock) -> None:
    ann, root = register(served), appoint(served, "root", "operator")
    assert key_of(root, "admin").delete("/api/auth/me").status == 403
    clock.pass_seconds(16 * 60)
    stale = ann.delete("/api/auth/me")
    assert (stale.status, stale.error["details"]) == (403, {"sign_in": "fresh"})
    assert refusal(served.core, "accounts.delete_me", token=ann.token).code == "forbidden"
    fresh = Person(served, login(served).json["token"])
    assert call(served.core, "accounts.delete_me", token=fresh.token)["deleted_at"] == clock()
    assert not ann.is_signed_in


def test_administrators_delete_the_people_of_their_tenant_and_nobody_the_last_of_a_kind(served: Served) -> None:
    core = served.core
    call(core, "accounts.create_tenant", name="acme")
    admin, root = appoint(served, "amy", "admin", "acme"), appoint(served, "root", "operator")
    bob, eve = appoint(served, "bob", tenant="acme"), register(served, "eve")
    for caller, owner, status in (
        (bob, "bob@acme", 403),
        (admin, "eve", 404),
        (admin, "nobody@acme", 404),
        (admin, "amy@acme", 409),
        (root, "root", 409),
        (admin, "bob@acme", 200),
        (admin, "bob@acme", 200),
    ):
        assert caller.delete(f"/api/accounts/{owner}").status == status, owner
    assert admin.delete("/api/auth/me").status == 409
    assert root.delete("/api/accounts/amy@acme").status == 409
    assert (admin.is_signed_in, bob.is_signed_in, eve.is_signed_in) == (True, False, True)
    appoint(served, "zoe", "admin", "acme")
    assert root.delete("/api/accounts/amy@acme").status == 200


def test_an_administrator_brings_a_deleted_account_back_within_two_weeks(served: Served, clock: Clock) -> None:
    core, root, ann = served.core, appoint(served, "root", "operator"), register(served)
    file_id = stored(ann)
    link = share(ann, file_id)
    assert root.delete("/api/accounts/ann").status == 200
    pass_days(core, clock, 13)
    assert root.call("accounts.update", owner="ann", disabled=False).json["result"]["deleted_at"] is None
    assert not ann.is_signed_in
    back = Person(served, login(served).json["token"])
    assert Visitor(served, link["url"]).bytes_of(file_id).status == 410
    # A later deletion begins its own two weeks.
    pass_days(core, clock, 10)
    assert back.get(f"/api/files/{file_id}/download").status == 200
    assert root.delete("/api/accounts/ann").status == 200
    pass_days(core, clock, 13)
    assert files_of(core, "ann") == [file_id]
    pass_days(core, clock, 2)
    assert files_of(core, "ann") == []


def scene(data_dir: Path, clock: Clock) -> tuple[Core, KillableStore, dict[str, Any]]:
    base, store = memory_core(data_dir, registration="open"), KillableStore()
    lists = open_lists(base.settings, store)
    core = cheap(replace(base, metadata=store, lists=lists, clock=clock, timer=clock))
    known = {"token": call(core, "accounts.register", name="ann", password=PASSWORD)["token"]}
    call(core, "accounts.create_key", token=known["token"], label="x", scopes=["files:read"])
    known["share_id"] = call(core, "shares.create", owner="ann", items=[processed_file(core)["file_id"]])["share_id"]
    return core, store, known


def is_signed_in(core: Core, token: str) -> bool:
    core.identities.clear()
    try:
        call(core, "accounts.identify", token=token)
    except FilesError:
        return False
    return True


def sweep_all(core: Core) -> None:
    for _ in range(20):
        if not sweep_deletions(core):
            return
    raise AssertionError("the deletion has no end")


@pytest.mark.parametrize("repeated", [True, False])
def test_a_death_at_any_call_of_a_deletion_is_made_up_for(tmp_path: Path, *, repeated: bool) -> None:
    for number in range(1, 1_000):
        clock = Clock()
        core, store, known = scene(tmp_path, clock)
        store.left = number
        try:
            call(core, "accounts.delete", owner="ann")
            sweep_all(core)
            clock.pass_seconds(KEPT_MS / 1000)
            sweep_all(core)
        except Killed:
            store.left = -1
        else:
            assert number > 40, "it makes more calls than that"
            return
        planned = list(walk(core, DELETIONS, ""))
        if not planned and is_signed_in(core, known["token"]):
            # Nothing had begun.
            call(core, "accounts.delete", owner="ann")
        elif repeated:
            call(core, "accounts.delete", owner="ann")
        sweep_all(core)
        assert not is_signed_in(core, known["token"])
        assert list(walk(core, KEYS, "")) == []
        left = [each.body["state"] for each in walk(core, SHARES, "")]
        assert left == ["revoked"] or not files_of(core, "ann")
        clock.pass_seconds(KEPT_MS / 1000)
        sweep_all(core)
        assert files_of(core, "ann") == []
        assert list(walk(core, DELETIONS, "")) == list(walk(core, SHARES, "")) == []
    raise AssertionError("it makes calls without end")


def test_a_deletion_that_fails_keeps_no_other_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    core, _, _ = scene(tmp_path, clock)
    call(core, "accounts.register", name="bob", password=PASSWORD)
    for owner in ("ann", "bob"):
        call(core, "accounts.delete", owner=owner)
        clock.pass_seconds(1)
    revoke = erasure.end_links

    def fail(core: Core, owner: str) -> int:
        if owner == "ann":
            raise StorageUnavailable("a share cannot be read")
        return revoke(core, owner)

    with monkeypatch.context() as patch:
        patch.setattr(erasure, "end_links", fail)
        assert sweep_deletions(core)["ended_accounts"] == 1
        with pytest.raises(StorageUnavailable):
            sweep_deletions(core)
    assert [plan.body["ended"] for plan in walk(core, DELETIONS, "")] == [False, True]
    sweep_all(core)
    assert all(plan.body["ended"] for plan in walk(core, DELETIONS, ""))
