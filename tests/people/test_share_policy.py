"""The policy of a tenant for its links: set by its administrators, and enforced when links are made and changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from files_service.domain.shares import DAY_MS
from files_service.runtime.clock import now_ms
from files_service.services.shares.ownership import link_of_file
from files_service.worker.sweeper import Sweeper
from tests.clocks import Clock
from tests.cores import at, call, processed_file, refusal
from tests.gateway.serving import Reply, Served
from tests.people.links import PASSWORD, share, stored
from tests.people.persons import JSON_TYPE, Person, appoint, open_people, register
from tests.unit.versions.scenes import new_version


@pytest.fixture
def ann(served: Served) -> Person:
    """An owner who is signed in."""
    return register(served)


def fields_of(reply: Reply) -> dict[str, Any]:
    """The fields that an answer refuses."""
    assert reply.status == 400, reply.body
    found: dict[str, Any] = reply.json["error"]["details"]["fields"]
    return found


def patch(person: Person, query: str = "", **rules: Any) -> Reply:
    return person.call("shares.set_policy", changes=rules, **({"tenant": query} if query else {}))


def test_a_link_of_an_account_ends_after_thirty_days_unless_its_owner_says_otherwise(
    served: Served, ann: Person
) -> None:
    file_id, now = stored(ann), served.core.clock()
    assert now + 30 * DAY_MS <= share(ann, file_id)["expires_at"] <= served.core.clock() + 30 * DAY_MS
    assert share(ann, file_id, expires_at=None)["expires_at"] is None
    assert share(ann, file_id, expires_at=now + 40 * DAY_MS)["expires_at"] == now + 40 * DAY_MS
    # An owner without an account has no policy.
    made = call(served.core, "files.upload", owner="machine", name="x", parts=[{"size": 1}])
    assert call(served.core, "shares.create", owner="machine", items=[made["file_id"]])["expires_at"] is None


def test_the_policy_holds_when_a_link_is_made_and_when_it_is_changed(served: Served, ann: Person) -> None:
    file_id, now = stored(ann), served.core.clock()
    old = share(ann, file_id, expires_at=None)
    admin = appoint(served, "chef", "admin")
    assert patch(admin, require_password=True, max_days=7).status == 200
    assert set(fields_of(ann.post("/api/shares", items=[file_id]))) == {"password"}
    late = {"items": [file_id], "password": PASSWORD}
    for ends in (None, now + 8 * DAY_MS):
        assert set(fields_of(ann.post("/api/shares", **late, expires_at=ends))) == {"expires_at"}
    made = share(ann, file_id, password=PASSWORD)
    assert made["expires_at"] <= served.core.clock() + 7 * DAY_MS

    def update(share_id: str, **changes: Any) -> Reply:
        return ann.call("shares.update", share_id=share_id, changes=changes)

    assert set(fields_of(update(made["share_id"], password=None))) == {"password"}
    assert set(fields_of(update(made["share_id"], expires_at=None))) == {"expires_at"}
    assert update(made["share_id"], title="Trip").status == 200
    # What was there before goes on, and its other fields can be changed.
    assert update(old["share_id"], title="Trip").status == 200
    assert update(old["share_id"], state="paused").status == 200
    assert set(fields_of(update(old["share_id"], state="active"))) == {"password"}
    body = b'{"accessType": "shared"}'
    reply = served.request("PUT", f"/api/files/{file_id}/access", body, {**ann.headers, **JSON_TYPE})
    assert set(fields_of(reply)) == {"password"}


def test_only_administrators_set_the_policy_and_only_of_their_tenant(served: Served, ann: Person) -> None:
    root = appoint(served, "root", "operator")
    call(served.core, "accounts.create_tenant", name="acme")
    boss = appoint(served, "boss", "admin", tenant="acme")
    assert patch(ann, max_days=7).status == 403
    assert patch(boss, max_days=7).json["result"]["tenant"] == "acme"
    assert boss.call("shares.set_policy", tenant="", changes={"max_days": 1}).status == 404
    assert ann.call("shares.policy", tenant="acme").status == 404
    assert ann.call("shares.policy", tenant="none").status == 404
    assert ann.get("/api/share-policy").json == {
        "tenant": "",
        "require_password": False,
        "default_days": 30,
        "max_days": None,
        "kept_versions": None,
        "kept_versions_days": None,
    }
    assert patch(root, "acme", default_days=None).json["result"]["max_days"] == 7
    assert patch(root, "none", default_days=None).status == 404
    reply = served.request("PATCH", "/api/share-policy?tenant=acme", b'{"max_days": 3}', {**root.headers, **JSON_TYPE})
    assert reply.json["max_days"] == 3
    assert root.get("/api/share-policy?tenant=acme").json["max_days"] == 3
    assert root.get("/api/share-policy?other=acme").status == 400
    assert patch(boss, other=1).status == 400
    assert patch(boss, max_days=0).status == 400


def test_access_by_link_opens_a_link_that_has_ended_by_the_policy(served: Served, ann: Person) -> None:
    record = served.core.metadata.get(stored(ann))
    made = link_of_file(served.core, "ann", record)
    assert link_of_file(served.core, "ann", record)["expires_at"] == made["expires_at"]
    late = at(served.core, made["expires_at"])
    again = link_of_file(late, "ann", served.core.metadata.get(record.file_id))
    assert (again["url"], again["expires_at"]) == (made["url"], made["expires_at"] + 30 * DAY_MS)


def test_a_tenant_keeps_the_versions_that_its_policy_says(tmp_path: Path) -> None:
    clock = Clock(now_ms())
    core = replace(open_people(tmp_path, kept_versions=9, kept_versions_days=100), clock=clock, timer=clock)
    call(core, "accounts.create_tenant", name="acme")
    for name, tenant in (("ann", ""), ("bob", "acme")):
        call(core, "accounts.create", name=name, tenant=tenant)
    files = {owner: processed_file(core, owner=owner)["file_id"] for owner in ("ann", "bob@acme", "zoe@acme")}

    def kept() -> list[int]:
        for number in range(4):
            for owner, file_id in files.items():
                clock.pass_seconds(1)
                new_version(core, file_id, f"{number} at {clock()}".encode(), owner=owner)
        return [len(core.metadata.get(each).versions) for each in files.values()]

    assert kept() == [4, 4, 4]
    policy = call(core, "shares.set_policy", tenant="acme", changes={"kept_versions": 2, "kept_versions_days": 0})
    assert (policy["kept_versions"], policy["kept_versions_days"]) == (2, 0)
    # An owner of this form without an account has no policy.
    assert kept() == [8, 2, 8]
    call(core, "shares.set_policy", tenant="acme", changes={"kept_versions": None, "kept_versions_days": None})
    assert kept()[1] == 6
    call(core, "shares.set_policy", tenant="acme", changes={"kept_versions": 1, "kept_versions_days": 10})
    assert kept()[1] == 10
    clock.pass_seconds(11 * 86_400)
    sweeper = Sweeper(core, holder="worker")
    assert sweeper.sweep()
    assert len(core.metadata.get(files["bob@acme"]).versions) == 1
    for wrong in ({"kept_versions": 1_001}, {"kept_versions": -1}, {"kept_versions_days": 36_501}):
        assert refusal(core, "shares.set_policy", tenant="acme", changes=wrong).code == "bad_request"
    core.close()
