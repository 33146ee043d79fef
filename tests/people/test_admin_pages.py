"""The admin pages: for whom they are, what they show of whom, and what their forms do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest

from files_service.domain.quotas import MAX_QUOTA
from files_service.gateway.auth.cookies import COOKIE
from tests.cores import call, processed_file
from tests.gateway.serving import Reply, Served, serving
from tests.people.persons import PASSWORD, Person, appoint, login, open_people

SECTIONS = ("", "/invites", "/tenants", "/storage", "/health", "/accounts/bob@acme")


@dataclass(frozen=True)
class Browser:
    """Somebody who is signed in by a cookie."""

    served: Served
    person: Person

    @property
    def cookie(self) -> dict[str, str]:
        return {"Cookie": f"{COOKIE}={self.person.token}"}

    def get(self, path: str) -> Reply:
        return self.served.request("GET", path, headers=self.cookie)

    def act(self, deed: str, origin: str | None = None, **fields: str) -> Reply:
        headers = {"Content-Type": "application/x-www-form-urlencoded", **self.cookie}
        headers["Origin"] = origin or f"http://127.0.0.1:{self.served.port}"
        return self.served.request("POST", "/admin/act", urlencode({"do": deed, **fields}).encode(), headers)


@pytest.fixture
def people(tmp_path: Path) -> Iterator[dict[str, Browser]]:
    with serving(open_people(tmp_path, registration="invite")) as served:
        call(served.core, "accounts.create_tenant", name="acme")
        call(served.core, "accounts.create_tenant", name="other")
        roles = {
            "amy@acme": "admin",
            "bob@acme": "user",
            "eva@other": "admin",
            "ann": "user",
            "root": "operator",
        }
        people = {}
        for owner, role in roles.items():
            name, _, tenant = owner.partition("@")
            people[name] = Browser(served, appoint(served, name, role, tenant))
        processed_file(served.core, b"x" * 2_000, owner="bob@acme")
        yield people


def link_in(reply: Reply, path: str) -> str:
    found = re.search(rf'value="[^"]*{path}#([^"]+)"', reply.body.decode())
    assert found is not None, reply.body.decode()
    return found.group(1)


def text_of(reply: Reply) -> str:
    return re.sub(r"(<[^>]+>|\s)+", " ", reply.body.decode())


@pytest.mark.parametrize("section", SECTIONS)
def test_users_find_no_such_page_and_strangers_sign_in(people: dict[str, Browser], section: str) -> None:
    for name in ("bob", "ann"):
        assert people[name].get(f"/admin{section}").status == 404
    stranger = people["bob"].served.request("GET", f"/admin{section}")
    assert (stranger.status, stranger.headers["Location"]) == (303, "/")
    assert people["root"].get(f"/admin{section}").status == 200


def test_an_admin_sees_the_own_tenant_alone(people: dict[str, Browser]) -> None:
    amy = people["amy"]
    page = text_of(amy.get("/admin?tenant=other"))
    assert "bob@acme" in page
    assert "2.0 kB" in page
    assert "eva@other" not in page
    for hidden in ("/accounts/eva@other", "/accounts/none@acme", "/tenants", "/health"):
        assert amy.get(f"/admin{hidden}").status == 404
    assert "other" not in text_of(amy.get("/admin/storage?tenant=other"))


def test_an_operator_chooses_a_tenant_and_finds_names_by_their_beginning(people: dict[str, Browser]) -> None:
    root = people["root"]
    assert "eva@other" in text_of(root.get("/admin?tenant=other"))
    found = text_of(root.get("/admin?tenant=acme&search=B"))
    assert "bob@acme" in found
    assert "amy@acme" not in found
    assert "There are no accounts here yet" in text_of(root.get("/admin?tenant=none"))
    assert "No name begins with" in text_of(root.get("/admin?search=zz"))


def test_a_form_makes_an_account_and_the_link_by_which_it_signs_in(people: dict[str, Browser]) -> None:
    amy = people["amy"]
    made = amy.act("create", name="new", role="user", tenant="other")
    code = link_in(made, "/reset")
    call(amy.served.core, "accounts.set_password", reset=code, password=PASSWORD)
    assert login(amy.served, "new@acme").status == 200
    again = amy.act("create", name="new", role="user")
    assert again.status == 409
    assert "The name is taken." in text_of(again)
    assert amy.act("create", name="boss", role="operator").status == 403


def test_forms_change_an_account(people: dict[str, Browser]) -> None:
    amy, bob = people["amy"], people["bob"]
    assert "Quota in GB" in text_of(amy.get("/admin/accounts/bob@acme"))
    assert amy.act("quota", owner="bob@acme", quota_gb="0.5").status == 200
    assert call(amy.served.core, "accounts.info", owner="bob@acme")["quota_bytes"] == 500_000_000
    assert amy.act("quota", owner="bob@acme", quota_gb="lots").status == 400
    page = amy.get("/admin/accounts/bob@acme")
    assert "Disable bob@acme" in text_of(page)
    assert "1 file, 2.0 kB" in text_of(page)
    assert amy.act("disable", owner="bob@acme").status == 200
    assert not bob.person.is_signed_in
    assert amy.act("enable", owner="bob@acme").status == 200
    assert login(amy.served, "bob@acme").status == 200
    code = link_in(amy.act("reset", owner="bob@acme"), "/reset")
    call(amy.served.core, "accounts.set_password", reset=code, password="another long phrase")
    assert amy.act("role", owner="bob@acme", role="admin").status == 200
    assert amy.act("delete", owner="bob@acme").status == 200
    assert call(amy.served.core, "accounts.info", owner="bob@acme")["deleted_at"] is not None


def test_a_quota_whose_form_is_sent_unchanged_stays_to_the_byte(people: dict[str, Browser]) -> None:
    root, amy = people["root"], people["amy"]
    for quota, shown in ((1, "0.000000001"), (1_234_567_891, "1.234567891"), (MAX_QUOTA, "9007199.254740991")):
        call(root.served.core, "accounts.set_quota", owner="bob@acme", quota_bytes=quota)
        call(root.served.core, "accounts.set_tenant_quota", tenant="acme", quota_bytes=quota)
        for form, page, fields in (
            ("quota", amy.get("/admin/accounts/bob@acme"), {"owner": "bob@acme"}),
            ("tenant-quota", root.get("/admin/tenants"), {"tenant": "acme"}),
        ):
            assert (
                f'name="quota_gb" type="number" min="0" step="any" inputmode="decimal" value="{shown}"'
                in page.body.decode()
            )
            assert root.act(form, **fields, quota_gb=shown).status == 200
        assert call(root.served.core, "accounts.info", owner="bob@acme")["quota_bytes"] == quota
        tenants = call(root.served.core, "accounts.list_tenants")["tenants"]
        assert {each["name"]: each["quota_bytes"] for each in tenants}["acme"] == quota
    for wrong in ("nan", "sNaN", "-1", "1e999999999", "inf", "", "9007199.254740992"):
        assert amy.act("quota", owner="bob@acme", quota_gb=wrong).status == 400


def test_the_last_admin_stays_and_other_tenants_are_out_of_reach(people: dict[str, Browser]) -> None:
    amy = people["amy"]
    refused = amy.act("role", owner="amy@acme", role="user")
    assert refused.status == 409
    assert "The last admin cannot be removed." in text_of(refused)
    for deed in ("disable", "delete", "reset", "quota", "role"):
        assert amy.act(deed, owner="eva@other", quota_gb="1", role="user").status == 404
    assert not call(amy.served.core, "accounts.info", owner="eva@other")["disabled"]


def test_invites_are_made_shown_and_revoked(people: dict[str, Browser]) -> None:
    amy = people["amy"]
    code = link_in(amy.act("invite", role="user", uses="2", days="3"), "/join")
    page = amy.get("/admin/invites")
    assert "2 of 2 left" in text_of(page)
    assert code not in page.body.decode()
    [invite_id] = re.findall(r'name="invite_id" value="([^"]+)"', page.body.decode())
    assert people["eva"].act("revoke-invite", invite_id=invite_id).status == 404
    assert amy.act("revoke-invite", invite_id=invite_id).status == 200
    assert "No invite is open" in text_of(amy.get("/admin/invites"))


def test_operators_make_tenants_and_see_storage_and_parts(people: dict[str, Browser]) -> None:
    root, amy = people["root"], people["amy"]
    assert amy.act("create-tenant", name="third").status == 404
    assert root.act("create-tenant", name="third").status == 200
    assert root.act("tenant-quota", tenant="third", quota_gb="2").status == 200
    assert "third" in text_of(root.get("/admin/tenants"))
    assert "2.0 kB" in text_of(root.get("/admin/storage"))
    assert "Largest accounts Account Files Size bob@acme 1 2.0 kB" in text_of(amy.get("/admin/storage"))
    health = text_of(root.get("/admin/health"))
    assert "The service is ready" in health
    assert "Registration invite" in health
    for secret in ("rpc-token", "jwt-secret", "signing-key"):
        assert secret not in health


def test_forms_of_users_of_other_sites_and_of_no_deed_do_nothing(people: dict[str, Browser]) -> None:
    assert people["ann"].act("disable", owner="root").status == 404
    assert people["root"].act("disable", owner="ann", origin="http://elsewhere.example").status == 403
    assert people["root"].act("erase", owner="ann").status == 400
    assert people["ann"].person.is_signed_in


def test_the_map_has_the_admin_page_for_admins_alone(people: dict[str, Browser]) -> None:
    assert b'href="/admin"' in people["amy"].get("/").body
    assert b'href="/admin"' not in people["bob"].get("/").body
