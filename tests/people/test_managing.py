"""Roles, tenants and invites: who manages whom, and what no tenant learns of another."""

from __future__ import annotations

from typing import Any

import pytest

from files_service.domain.accounts import Role
from files_service.errors import FilesError
from files_service.services.accounts import rosters
from files_service.services.accounts.account import Account, add_account, require_account
from files_service.services.accounts.invites import require_invite, take_use
from tests.cores import at, at_once, attempt, call, memory_core, processed_file, refusal
from tests.gateway.serving import Served
from tests.people.persons import PASSWORD, Person, appoint, key_of, login, open_people, post, register


def code_of(answer: Any) -> str:
    """The error's code, "" for an answer."""
    return answer.code if isinstance(answer, FilesError) else ""


def test_owner_strings_of_tenants_never_meet_and_names_are_taken_once(served: Served) -> None:
    core = served.core
    call(core, "accounts.create_tenant", name="acme")
    owners = [call(core, "accounts.create", name="Ann", tenant=tenant)["owner"] for tenant in ("", "acme")]
    assert owners == ["ann", "ann@acme"]
    for tenant in ("", "acme"):
        assert refusal(core, "accounts.create", name="ann", tenant=tenant).code == "conflict"
    assert refusal(core, "accounts.create", name="bob", tenant="nowhere").code == "not_found"
    assert refusal(core, "accounts.create", name="ann@acme").code == "bad_request"
    for name in ("-ann", "ann/..", "ånn", "a" * 41, "an n", "@acme"):
        assert refusal(core, "accounts.create", name=name).code == "bad_request", name
    assert refusal(core, "accounts.create_tenant", name="acme").code == "conflict"
    assert refusal(core, "accounts.create_tenant", name="Ac me").code == "bad_request"


def test_nobody_registers_the_name_of_an_owner_with_files_but_an_operator_gives_it(served: Served) -> None:
    core = served.core
    file_id = processed_file(core, owner="ann")["file_id"]
    assert post(served, "/api/auth/register", name="ann", password=PASSWORD).code == "conflict"
    assert appoint(served, "ann").get(f"/api/files/{file_id}").status == 200


@pytest.mark.parametrize("what", ["trash", "version", "folder", "link"])
def test_nobody_registers_the_name_of_an_owner_who_has_anything_left(served: Served, what: str) -> None:
    core = served.core
    match what:
        case "trash":
            call(core, "files.trash", file_id=processed_file(core, owner="zoe")["file_id"])
        case "version":
            file_id = processed_file(core, owner="zoe")["file_id"]
            call(core, "files.upload", owner="zoe", name="b", version_of=file_id, parts=[{"size": 1}])
            call(core, "files.remove", file_id=file_id)
        case "folder":
            call(core, "folders.create", owner="zoe", path="plans")
        case "link":
            call(core, "shares.create", owner="zoe", kind="drop", path="inbox", actor="zoe")
    assert post(served, "/api/auth/register", name="zoe", password=PASSWORD).code == "conflict"
    key = key_of(appoint(served, "root", "operator"), "admin")
    assert key.call("accounts.create", name="zoe").status == 403


def test_an_admin_manages_the_own_tenant_and_learns_nothing_of_another(served: Served) -> None:
    for tenant in ("acme", "other"):
        call(served.core, "accounts.create_tenant", name=tenant)
    admin = appoint(served, "amy", "admin", "acme")
    for name, tenant in (("bob", "acme"), ("eve", "other"), ("root", "")):
        appoint(served, name, "operator" if name == "root" else "user", tenant)
    listed = admin.call("accounts.list", tenant="acme").json["result"]["accounts"]
    assert [each["owner"] for each in listed] == ["amy@acme", "bob@acme"]
    there, nowhere = (admin.call("accounts.info", owner=owner) for owner in ("eve@other", "nobody@other"))
    assert (there.status, nowhere.status) == (404, 404)
    assert there.error["message"] == nowhere.error["message"]
    for owner in ("eve@other", "root"):
        assert admin.call("accounts.update", owner=owner, disabled=True).status == 404
        assert admin.call("accounts.reset", owner=owner).status == 404
    for method, more in (
        ("accounts.list", {"tenant": "other"}),
        ("accounts.list_invites", {"tenant": ""}),
        ("accounts.create_invite", {"tenant": "other"}),
        ("accounts.create", {"name": "x", "tenant": "other"}),
    ):
        assert admin.call(method, **more).status == 404, method
    assert admin.call("accounts.create_tenant", name="x").status == 403
    assert admin.call("accounts.list_tenants").status == 403
    assert admin.call("accounts.create", name="x", tenant="acme", role="operator").status == 403
    assert admin.call("accounts.update", owner="bob@acme", role="operator").status == 403
    assert admin.call("accounts.update", owner="bob@acme", disabled=True).status == 200


def test_a_user_manages_nobody_and_sees_the_own_account(served: Served) -> None:
    ann = register(served)
    register(served, "bob")
    assert ann.call("accounts.info", owner="ann").json["result"]["owner"] == "ann"
    for method, more in (
        ("accounts.list", {}),
        ("accounts.info", {"owner": "bob"}),
        ("accounts.update", {"owner": "ann", "role": "operator"}),
        ("accounts.reset", {"owner": "ann"}),
        ("accounts.create", {"name": "x"}),
        ("accounts.create_invite", {}),
        ("accounts.list_tenants", {}),
        ("accounts.login", {"name": "bob", "password": PASSWORD}),
        ("accounts.register", {"name": "x", "password": PASSWORD}),
    ):
        assert ann.call(method, **more).status == 403, method
    assert ann.get("/api/invites").status == 403


def test_an_operator_does_not_read_the_files_of_others(served: Served) -> None:
    root, ann = appoint(served, "root", "operator"), register(served)
    file_id = ann.upload()
    assert root.get(f"/api/files/{file_id}").status == 403
    assert root.call("files.list", owner="ann").json["result"]["files"] == []


@pytest.mark.parametrize("change", [{"role": "user"}, {"disabled": True}], ids=["demoted", "disabled"])
def test_codes_end_with_the_right_of_those_who_made_them(served: Served, change: dict[str, Any]) -> None:
    core = served.core
    call(core, "accounts.create_tenant", name="acme")
    root, amy = appoint(served, "root", "operator"), appoint(served, "amy", "admin", "acme")
    appoint(served, "zoe", "admin", "acme")
    appoint(served, "bob", tenant="acme")
    invite = amy.call("accounts.create_invite", role="admin").json["result"]["code"]
    resets = [
        amy.call("accounts.reset", owner="bob@acme").json["result"]["code"],
        amy.call("accounts.create", name="new", role="admin").json["result"]["reset"]["code"],
    ]
    assert root.call("accounts.update", owner="amy@acme", **change).status == 200
    assert post(served, "/api/auth/register", name="amy2", password=PASSWORD, invite=invite).status == 401
    for code in resets:
        assert post(served, "/api/auth/password", reset=code, password=PASSWORD).status == 401
    root.call("accounts.update", owner="amy@acme", role="admin", disabled=False)
    assert post(served, "/api/auth/register", name="amy2", password=PASSWORD, invite=invite).status == 201
    assert post(served, "/api/auth/password", reset=resets[0], password=PASSWORD).status == 200


def test_the_links_of_a_disabled_owner_are_closed_and_open_again(served: Served) -> None:
    root, ann, bob = appoint(served, "root", "operator"), register(served), register(served, "bob")
    file_id = processed_file(served.core, owner="ann", access="public", alias="home")["file_id"]
    paths = (f"/download/{file_id}", f"/api/files/{file_id}", f"/api/files/{file_id}/download")

    def statuses() -> list[int]:
        by_alias = bob.call("files.info", owner="ann", alias="home").status
        return [served.request("GET", path).status for path in paths] + [bob.get(paths[1]).status, by_alias]

    assert statuses() == [200] * 5
    root.call("accounts.update", owner="ann", disabled=True)
    assert statuses() == [404, 401, 401, 403, 404]
    assert served.result("files.info", file_id=file_id)["owner"] == "ann"
    root.call("accounts.update", owner="ann", disabled=False)
    assert statuses() == [200] * 5
    assert not ann.is_signed_in


@pytest.mark.parametrize("change", [{"role": "user"}, {"disabled": True}], ids=["demoted", "disabled"])
@pytest.mark.parametrize(("role", "tenant"), [("operator", ""), ("admin", "acme")])
def test_the_last_of_a_kind_stays_whoever_is_faster(
    served: Served, role: str, tenant: str, change: dict[str, Any]
) -> None:
    core = served.core
    call(core, "accounts.create_tenant", name="acme")
    owners = [call(core, "accounts.create", name=name, role=role, tenant=tenant)["owner"] for name in ("a", "b")]
    outcomes = at_once(2, lambda n: code_of(attempt(core, "accounts.update", owner=owners[n], **change)))
    assert sorted(outcomes) == ["", "conflict"]
    [left] = [owner for owner, outcome in zip(owners, outcomes, strict=True) if outcome]
    assert refusal(core, "accounts.update", owner=left, **change).code == "conflict"
    assert call(core, "accounts.info", owner=left)["role"] == role
    # With another one, it may go; doing that again is harmless.
    call(core, "accounts.create", name="c", role=role, tenant=tenant)
    for _ in range(2):
        call(core, "accounts.update", owner=left, **change)


def test_an_invite_makes_as_many_accounts_as_it_says_whoever_is_faster(served: Served) -> None:
    core = served.core
    call(core, "accounts.create_tenant", name="acme")
    invite = call(core, "accounts.create_invite", tenant="acme", role="admin", uses=2)

    def join(number: int) -> str:
        name = f"ann{number}"
        return code_of(attempt(core, "accounts.register", name=name, password=PASSWORD, invite=invite["code"]))

    assert sorted(at_once(5, join)) == ["", "", "unauthorized", "unauthorized", "unauthorized"]
    made = call(core, "accounts.list", tenant="acme")["accounts"]
    assert [each["role"] for each in made] == ["admin", "admin"]
    [shown] = call(core, "accounts.list_invites", tenant="acme")["invites"]
    assert shown["uses_left"] == 0
    assert "code" not in shown


def test_a_name_that_is_taken_uses_no_invite_up(served: Served) -> None:
    core = served.core
    register(served)
    code = call(core, "accounts.create_invite")["code"]
    assert refusal(core, "accounts.register", name="ann", password=PASSWORD, invite=code).code == "conflict"
    assert refusal(core, "accounts.register", name="bob", password="short", invite=code).code == "bad_request"
    call(core, "accounts.register", name="bob", password=PASSWORD, invite=code)


def test_an_invite_ends_by_its_time_and_when_it_is_revoked(served: Served) -> None:
    core = served.core
    invites = [call(core, "accounts.create_invite", ttl_seconds=10) for _ in range(2)]
    call(core, "accounts.revoke_invite", invite_id=invites[0]["invite_id"])
    late = at(core, core.clock() + 10_001)
    for each, invite in ((core, invites[0]), (late, invites[1])):
        assert refusal(each, "accounts.register", name="x", password=PASSWORD, invite=invite["code"]).code == (
            "unauthorized"
        )


def test_registration_is_closed_by_default_by_invite_or_open(tmp_path: Any) -> None:
    for registration, codes in (
        ("closed", ["forbidden", "forbidden"]),
        ("invite", ["unauthorized", ""]),
        ("open", ["", ""]),
    ):
        core = open_people(tmp_path / registration, registration=registration)
        invite = call(core, "accounts.create_invite")["code"]
        assert [
            code_of(attempt(core, "accounts.register", name=f"ann{n}", password=PASSWORD, invite=code))
            for n, code in enumerate((None, invite))
        ] == codes
        core.close()
    core = memory_core(tmp_path)
    assert core.settings.registration == "closed"
    core.close()


def test_invites_by_rest_need_an_administrator(served: Served) -> None:
    root = appoint(served, "root", "operator")
    made = root.post("/api/invites", uses=3)
    assert (made.status, made.json["uses_left"]) == (201, 3)
    assert [each["invite_id"] for each in root.get("/api/invites").json["invites"]] == [made.json["invite_id"]]
    assert key_of(root, "admin").delete(f"/api/invites/{made.json['invite_id']}").status == 200
    assert root.get("/api/invites").json["invites"] == []


def test_an_admin_sees_the_invites_of_the_own_tenant(served: Served) -> None:
    call(served.core, "accounts.create_tenant", name="acme")
    admin = appoint(served, "adm", "admin", tenant="acme")
    made = admin.post("/api/invites").json["invite_id"]
    assert [each["invite_id"] for each in admin.get("/api/invites").json["invites"]] == [made]


def test_a_page_of_people_is_followed_by_the_next(served: Served) -> None:
    core = served.core
    for number in range(7):
        call(core, "accounts.create", name=f"p{number}")
    names, cursor = [], None
    while True:
        page = call(core, "accounts.list", limit=3, cursor=cursor)
        names += [each["name"] for each in page["accounts"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert names == [f"p{number}" for number in range(7)]


def test_no_answer_has_a_hash_or_a_secret(served: Served) -> None:
    core = served.core
    ann: Person = register(served)
    core_answers = [
        call(core, "accounts.info", owner="ann"),
        call(core, "accounts.list"),
        call(core, "accounts.update", owner="ann", role="admin"),
        ann.get("/api/auth/me").json,
        ann.get("/api/auth/sessions").json,
        login(served).json["account"],
    ]
    text = str(core_answers)
    for secret in ("argon2", ann.token, "epoch", "hash"):
        assert secret not in text


def test_a_registration_that_died_after_it_took_the_invite_is_made_by_repeating_it(served: Served) -> None:
    core = served.core
    code = call(core, "accounts.create_invite")["code"]
    take_use(core, require_invite(core, code), "ann")
    assert refusal(core, "accounts.register", name="eve", password=PASSWORD, invite=code).code == "unauthorized"
    call(core, "accounts.register", name="ann", password=PASSWORD, invite=code)


def test_an_operator_whose_making_died_half_way_counts_once_the_role_is_given_again(served: Served) -> None:
    core = served.core
    call(core, "accounts.create", name="root", role="operator")
    add_account(core, Account(account_id="half", name="amy", tenant="", role=Role.OPERATOR, created_at=1))
    # The list of operators knows one: it must not lose it.
    assert refusal(core, "accounts.update", owner="root", disabled=True).code == "conflict"
    call(core, "accounts.update", owner="amy", role="operator")
    call(core, "accounts.update", owner="root", disabled=True)
    assert refusal(core, "accounts.update", owner="amy", role="user").code == "conflict"


def test_a_role_that_died_half_way_out_is_taken_by_repeating_it(served: Served) -> None:
    core = served.core
    for name in ("amy", "root"):
        call(core, "accounts.create", name=name, role="operator")
    rosters.leave(core, require_account(core, "amy"))
    assert refusal(core, "accounts.update", owner="root", role="user").code == "conflict"
    call(core, "accounts.update", owner="amy", role="user")
    assert call(core, "accounts.info", owner="amy")["role"] == "user"
