"""Files of accounts that are disabled or deleted: they stay as they are, and nobody else finds them."""

from __future__ import annotations

from typing import Any

from tests.cores import call, processed_file
from tests.gateway.serving import Served
from tests.people.persons import Person, appoint, login, register


def file_of(served: Served, owner: str) -> str:
    """A public file that is named like its owner."""
    return str(processed_file(served.core, owner=owner, name=f"{owner}.txt", access="public")["file_id"])


def test_public_files_of_a_disabled_owner_are_in_no_list_of_others(served: Served) -> None:
    root, bob, _ = appoint(served, "root", "operator"), register(served, "bob"), register(served)
    of_ann, of_bob = ({file_of(served, owner) for _ in range(3)} for owner in ("ann", "bob"))
    lists: tuple[dict[str, Any], ...] = (
        {"owner": "ann"},
        {"owner": "ann", "limit": 2},
        {"search": "ann"},
        {},
        {"order": "asc"},
    )

    def listed() -> list[tuple[set[str], bool]]:
        pages = [bob.call("files.list", **params).json["result"] for params in lists]
        return [({each["file_id"] for each in page["files"]}, page["next_cursor"] is not None) for page in pages]

    hidden = [*[(set(), False)] * 3, *[(of_bob, False)] * 2]
    whole = listed()
    assert whole == [(of_ann, False), (whole[1][0], True), (of_ann, False), *[(of_ann | of_bob, False)] * 2]
    root.call("accounts.update", owner="ann", disabled=True)
    assert listed() == hidden
    assert {each["file_id"] for each in served.result("files.list")["files"]} == of_ann | of_bob
    root.call("accounts.update", owner="ann", disabled=False)
    assert listed() == whole
    assert Person(served, login(served).json["token"]).delete("/api/auth/me").status == 200
    assert listed() == hidden


def test_the_admin_of_a_disabled_owner_finds_its_public_files(served: Served) -> None:
    call(served.core, "accounts.create_tenant", name="acme")
    admin, eve = appoint(served, "amy", "admin", "acme"), register(served, "eve")
    appoint(served, "bob", tenant="acme")
    file_id = file_of(served, "bob@acme")
    assert admin.call("accounts.update", owner="bob@acme", disabled=True).status == 200
    for params in ({}, {"owner": "bob@acme"}):
        [found] = admin.call("files.list", **params).json["result"]["files"]
        assert found["file_id"] == file_id
        assert eve.call("files.list", **params).json["result"]["files"] == []
