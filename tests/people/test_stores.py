"""One story of people on every store: what they may do is the same, and so is who wins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from files_service.core import Core
from files_service.services.opening import open_core
from tests.cores import at_once, attempt, call, refusal, settings_for
from tests.people.persons import PASSWORD, cheap


@pytest.fixture(params=["memory", "sqlite", "redis", "couchdb"])
def core(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Core]:
    """The same service on each store."""
    kind = request.param
    url = {"memory": "memory://", "sqlite": ""}.get(kind)
    if url is None:
        url = request.getfixturevalue(f"{kind}_url")
        if kind == "couchdb":
            from tests.adapters import couchdb_servers

            with couchdb_servers.opened(url):
                pass
    opened = cheap(open_core(settings_for(tmp_path, FILES_METADATA_URL=url, FILES_REGISTRATION="open")))
    yield opened
    opened.close()


def test_the_story_of_people(core: Core) -> None:
    call(core, "accounts.create_tenant", name="acme")
    assert [each["name"] for each in call(core, "accounts.list_tenants")["tenants"]] == ["acme"]
    outcomes = at_once(3, lambda _: attempt(core, "accounts.register", name="ann", password=PASSWORD))
    assert sum(isinstance(each, dict) for each in outcomes) == 1
    assert refusal(core, "accounts.login", name="ann", password="wrong password").code == "unauthorized"
    token = call(core, "accounts.login", name="ann", password=PASSWORD)["token"]
    assert call(core, "accounts.identify", token=token)["account"]["owner"] == "ann"
    assert len(call(core, "accounts.list_sessions", token=token)["sessions"]) == 2
    key = call(core, "accounts.create_key", token=token, label="x", scopes=["files:read"])
    assert call(core, "accounts.identify", token=key["key"])["scopes"] == ["files:read"]
    call(core, "accounts.revoke_key", token=token, key_id=key["key_id"])
    assert refusal(core, "accounts.identify", token=key["key"]).code == "unauthorized"
    invite = call(core, "accounts.create_invite", tenant="acme", role="admin")["code"]
    call(core, "accounts.register", name="amy", password=PASSWORD, invite=invite)
    assert refusal(core, "accounts.register", name="eve", password=PASSWORD, invite=invite).code == "unauthorized"
    assert [each["owner"] for each in call(core, "accounts.list", tenant="acme")["accounts"]] == ["amy@acme"]
    assert [each["owner"] for each in call(core, "accounts.list")["accounts"]] == ["ann"]
    assert refusal(core, "accounts.update", owner="amy@acme", disabled=True).code == "conflict"
    call(core, "accounts.update", owner="ann", disabled=True)
    assert refusal(core, "accounts.identify", token=token).code == "unauthorized"
    call(core, "accounts.update", owner="ann", disabled=False)
    code = call(core, "accounts.reset", owner="ann")["code"]
    call(core, "accounts.set_password", reset=code, password="another long phrase")
    assert refusal(core, "accounts.set_password", reset=code, password="another long phrase").code == "unauthorized"
    token = call(core, "accounts.login", name="ann", password="another long phrase")["token"]
    call(core, "accounts.logout", token=token)
    assert refusal(core, "accounts.identify", token=token).code == "unauthorized"
