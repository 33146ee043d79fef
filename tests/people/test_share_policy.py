"""The policy of a tenant for its links: set by its administrators, and enforced when links are made and changed."""

from __future__ import annotations

from typing import Any

import pytest

from files_service.domain.shares import DAY_MS
from files_service.services.shares.ownership import link_of_file
from tests.cores import at, call
from tests.gateway.serving import Reply, Served
from tests.people.links import PASSWORD, share, stored
from tests.people.persons import JSON_TYPE, Person, appoint, register


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
